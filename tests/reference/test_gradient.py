"""The chain rule by hand against two oracles: central differences, and autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from xorkit import reference
from xorkit.reference import Net

SIZES = st.sampled_from([(2, 1), (2, 2, 1), (2, 3, 1), (3, 2, 2), (2, 3, 2, 1)])
SEEDS = st.integers(0, 2**32 - 1)
MODULES = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU, "none": nn.Identity}
LOSSES = {
    "mse": nn.MSELoss(),
    "sum": nn.MSELoss(reduction="sum"),
    "l1": nn.L1Loss(),
    "bce": nn.BCELoss(),
}


def _problem(sizes: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random parameters (3, P), inputs and targets for a net of these sizes."""
    rng = np.random.default_rng(seed)
    theta = rng.normal(0, 1.5, size=(3, reference.lesson_net(sizes).width))
    return theta, rng.uniform(-1, 2, size=(4, sizes[0])), rng.uniform(0, 1, size=(4, sizes[-1]))


@given(sizes=SIZES, seed=SEEDS)
@settings(deadline=None, max_examples=50)
def test_the_gradient_is_what_central_differences_say(sizes: tuple[int, ...], seed: int) -> None:
    theta, inputs, targets = _problem(sizes, seed)
    net, step = reference.lesson_net(sizes), 1e-6
    shifts = step * np.eye(net.width)

    slopes = reference.gradient(theta, inputs, targets, net)

    for index, shift in enumerate(shifts):
        up = reference.loss(theta + shift, inputs, targets, net)
        down = reference.loss(theta - shift, inputs, targets, net)
        np.testing.assert_allclose(slopes[:, index], (up - down) / (2 * step), atol=1e-8)


@pytest.mark.parametrize("loss", LOSSES)
@given(sizes=SIZES, seed=SEEDS, hidden=st.sampled_from(sorted(MODULES)))
@settings(deadline=None, max_examples=25)
def test_loss_and_gradient_are_what_autograd_says(
    loss: str, sizes: tuple[int, ...], seed: int, hidden: str
) -> None:
    theta, inputs, targets = _problem(sizes, seed)
    net = Net(sizes, (hidden,) * (len(sizes) - 2) + ("sigmoid",))

    values = reference.loss(theta, inputs, targets, net, loss)
    slopes = reference.gradient(theta, inputs, targets, net, loss)

    for row, value, slope in zip(theta, values, slopes, strict=True):
        wanted, gradient = _autograd(row, inputs, targets, net, loss)
        assert value == pytest.approx(wanted, rel=1e-9)
        np.testing.assert_allclose(slope, gradient, rtol=1e-7, atol=1e-12)


def _autograd(
    row: np.ndarray, inputs: np.ndarray, targets: np.ndarray, net: Net, loss: str
) -> tuple[float, np.ndarray]:
    layers: list[nn.Module] = []
    for n_in, n_out, name in zip(net.sizes, net.sizes[1:], net.activations, strict=False):
        layers += [nn.Linear(n_in, n_out), MODULES[name]()]
    model = nn.Sequential(*layers).double()
    nn.utils.vector_to_parameters(torch.tensor(row), model.parameters())
    value = LOSSES[loss](model(torch.tensor(inputs)), torch.tensor(targets))
    value.backward()
    grads = [parameter.grad.ravel() for parameter in model.parameters()]
    return value.item(), torch.cat(grads).numpy()
