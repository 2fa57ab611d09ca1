"""The net by hand against two oracles: central finite differences, and autograd."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xorkit import reference
from xorkit.reference import ACTIVATIONS, LOSSES, Net

TORCH = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": torch.nn.functional.leaky_relu,
    "none": lambda z: z,
}
TORCH_LOSSES = {
    "mse": torch.nn.functional.mse_loss,
    "sum": lambda p, t: ((p - t) ** 2).sum(),
    "half": lambda p, t: ((p - t) ** 2).mean() / 2,
    "bce": torch.nn.functional.binary_cross_entropy,
    "mse-again": lambda p, t: torch.nn.functional.mse_loss(torch.sigmoid(p), t),
    "bce-again": torch.nn.functional.binary_cross_entropy_with_logits,
    "l1": torch.nn.functional.l1_loss,
}
SMOOTH = ("sigmoid", "tanh", "none")  # where central differences converge everywhere


@st.composite
def cases(draw, activations=tuple(ACTIVATIONS)):
    """A net, a batch of parameter vectors, inputs and targets."""
    sizes = tuple(draw(st.lists(st.integers(1, 4), min_size=2, max_size=4)))
    names = tuple(draw(st.sampled_from(activations)) for _ in sizes[1:])
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    net = Net(sizes, names)
    theta = rng.normal(0, draw(st.sampled_from([0.3, 1.0, 3.0])), size=(3, net.width))
    rows = draw(st.integers(1, 5))
    inputs = rng.uniform(-1, 2, size=(rows, sizes[0]))
    targets = rng.uniform(0, 1, size=(rows, sizes[-1]))
    return net, theta, inputs, targets


def by_autograd(net, theta, inputs, targets, loss):
    """Loss and gradient of one parameter vector, computed by PyTorch layer by layer."""
    flat = torch.tensor(theta, requires_grad=True)
    values, at = torch.tensor(inputs), 0
    for (n_in, n_out), name in zip(itertools.pairwise(net.sizes), net.activations, strict=True):
        weights = flat[at : at + n_in * n_out].reshape(n_out, n_in)
        biases = flat[at + n_in * n_out : at + n_in * n_out + n_out]
        values = TORCH[name](torch.nn.functional.linear(values, weights, biases))
        at += n_in * n_out + n_out
    value = TORCH_LOSSES[loss](values, torch.tensor(targets))
    value.backward()
    assert flat.grad is not None
    return value.item(), flat.grad.numpy()


def likely(predicted):
    return bool(((predicted > 1e-6) & (predicted < 1 - 1e-6)).all())


@given(cases())
@settings(max_examples=60, deadline=None)
def test_loss_and_gradient_are_autograds(case):
    net, theta, inputs, targets = case
    predicted = reference.predict(theta, inputs, net)
    # Cross-entropy needs probabilities, and both sides cut off what is next to 0 and 1.
    losses = set(LOSSES)
    if net.activations[-1] != "sigmoid" or not likely(predicted):
        losses.remove("bce")
    if not likely(reference.sigmoid(predicted)):
        losses.remove("bce-again")
    known = reference.derivatives(theta, inputs, net)
    np.testing.assert_array_equal(known.predictions, predicted)
    for name in losses:
        values = reference.loss(theta, inputs, targets, net, name)
        gradients = reference.gradient(theta, inputs, targets, net, name)
        summed = known.gradient(targets, name)
        for k, row in enumerate(theta):
            value, gradient = by_autograd(net, row, inputs, targets, name)

            np.testing.assert_allclose(values[k], value, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(gradients[k], gradient, rtol=1e-7, atol=1e-9)
            np.testing.assert_allclose(summed[k], gradient, rtol=1e-7, atol=1e-9)


@given(cases(SMOOTH), st.sampled_from(["mse", "sum", "half"]))
@settings(max_examples=60, deadline=None)
def test_the_gradient_is_the_limit_of_central_differences(case, name):
    net, theta, inputs, targets = case
    step = 1e-5
    units = np.eye(net.width) * step
    gradients = reference.gradient(theta, inputs, targets, net, name)
    for k, row in enumerate(theta):
        above, below = (
            reference.loss(row + sign * units, inputs, targets, net, name) for sign in (1, -1)
        )
        differences = (above - below) / (2 * step)
        size = np.abs(gradients[k]).max() + reference.loss(row[None], inputs, targets, net, name)[0]

        np.testing.assert_allclose(gradients[k], differences, rtol=0, atol=1e-6 * (1 + size))


@pytest.mark.parametrize("sizes", [(2, 2, 1), (3, 5, 4, 2), (1, 1)])
def test_the_lessons_net_is_what_pytorch_builds(sizes):
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.Sigmoid()]
    model = torch.nn.Sequential(*layers).double()
    net = reference.lesson_net(sizes)
    theta = np.concatenate([p.detach().numpy().ravel() for p in model.parameters()])
    inputs = np.random.default_rng(0).normal(size=(6, sizes[0]))

    predicted = reference.predict(theta[None], inputs, net)[0]

    assert net.width == len(theta)
    assert net.shapes == tuple(tuple(p.shape) for p in model.parameters())
    np.testing.assert_allclose(predicted, model(torch.tensor(inputs)).detach().numpy(), atol=1e-12)


def test_starts_are_drawn_from_the_range_of_nn_linear():
    sizes = (4, 25, 1)
    theirs = torch.nn.Sequential(*(torch.nn.Linear(a, b) for a, b in itertools.pairwise(sizes)))
    bounds = [p.abs().max().item() for p in theirs.parameters()]

    starts = reference.random_starts(np.random.default_rng(0), 2000, sizes)

    ends = np.cumsum([p.numel() for p in theirs.parameters()])[:-1]
    for part, seen, limit in zip(
        np.split(starts, ends, axis=1), bounds, (0.5, 0.5, 0.2, 0.2), strict=True
    ):
        assert seen <= limit
        assert 0.99 * limit < np.abs(part).max() <= limit
        assert abs(part.mean()) < 0.05 * limit


def test_descending_is_what_sgd_does():
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(2, 2), torch.nn.Sigmoid(), torch.nn.Linear(2, 1), torch.nn.Sigmoid()
    ).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    inputs = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    targets = np.array([[0.0], [1.0], [1.0], [0.0]])
    begin = np.concatenate([p.detach().numpy().ravel() for p in model.parameters()])
    for _ in range(200):
        optimizer.zero_grad()
        predicted = model(torch.tensor(inputs))
        torch.nn.functional.mse_loss(predicted, torch.tensor(targets)).backward()
        optimizer.step()

    end = reference.descend(
        begin[None], inputs, targets, reference.lesson_net((2, 2, 1)), lr=1.0, epochs=200
    )

    theirs = np.concatenate([p.detach().numpy().ravel() for p in model.parameters()])
    np.testing.assert_allclose(end[0], theirs, atol=1e-12)


def test_huge_sums_neither_overflow_nor_warn():
    net = reference.lesson_net((2, 2, 1))
    theta = np.full((1, 9), 1e6) * np.array([1, -1, 1, -1, 1, -1, 1, -1, 1])

    gradients = reference.gradient(theta, np.array([[1.0, 0.0]]), np.array([[1.0]]), net)

    assert np.isfinite(gradients).all()


def test_a_batch_of_no_parameter_vectors_has_no_gradients():
    net = reference.lesson_net((2, 2, 1))

    inputs, targets = np.zeros((4, 2)), np.zeros((4, 1))
    gradients = reference.gradient(np.empty((0, 9)), inputs, targets, net)
    summed = reference.derivatives(np.empty((0, 9)), inputs, net).gradient(targets)

    assert gradients.shape == summed.shape == (0, 9)
