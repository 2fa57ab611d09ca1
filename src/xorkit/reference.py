"""A fully connected net, by hand: forward pass, loss and chain rule in float64 NumPy.

Everything works on a batch of parameter vectors at once, so that a whole recorded run is
recomputed in one go. The chain rule is the textbook one (Rumelhart, Hinton and Williams, 1986);
the tests check it against finite differences and against autograd.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from xorkit.evidence import Array

# Numbers of parameters and layers' values, over all parameter vectors, that are looked at in one
# go: so many stay in the processor's cache, which halves the time of 20,000 vectors.
AT_ONCE = 50_000


def sigmoid(z: Array) -> Array:
    with np.errstate(over="ignore"):  # far below 0 it is 1 / inf, which is right
        return np.asarray(1.0 / (1.0 + np.exp(-z)))


@dataclass(frozen=True)
class Activation:
    """A function of a layer's weighted sums, and its derivative given the function's own value."""

    value: Callable[[Array], Array]
    derivative: Callable[[Array], Array]


ACTIVATIONS = {
    "sigmoid": Activation(sigmoid, lambda a: a * (1.0 - a)),
    "tanh": Activation(np.tanh, lambda a: 1.0 - a * a),
    "relu": Activation(lambda z: np.maximum(z, 0.0), lambda a: (a > 0.0).astype(a.dtype)),
    "leaky_relu": Activation(
        lambda z: np.where(z > 0.0, z, 0.01 * z), lambda a: np.where(a > 0.0, 1.0, 0.01)
    ),
    "none": Activation(lambda z: z, np.ones_like),
}


@dataclass(frozen=True)
class Net:
    """A fully connected net: sizes (2, 2, 1) and one activation after each layer.

    A parameter vector holds, layer after layer, the weights (out x in, row by row) and the biases:
    the order of PyTorch's `model.parameters()`.
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        pairs = pairwise(self.sizes)
        return tuple(shape for n_in, n_out in pairs for shape in ((n_out, n_in), (n_out,)))

    @property
    def width(self) -> int:
        """The number of parameters."""
        return sum(math.prod(shape) for shape in self.shapes)

    def __str__(self) -> str:
        """As in 2 → 3 (tanh) → 1 (none)."""
        layers = zip(self.sizes[1:], self.activations, strict=True)
        return " → ".join([str(self.sizes[0]), *(f"{size} ({name})" for size, name in layers)])


@dataclass(frozen=True, eq=False)  # as a Run
class Task:
    """What the lesson trains: the net on `inputs` (N, in) and `targets` (N, out), by plain SGD."""

    inputs: Array
    targets: Array
    net: Net
    lr: float
    epochs: int
    near: float  # how far from its target a prediction may be to count as learned


def lesson_net(sizes: tuple[int, ...], activations: tuple[str, ...] = ()) -> Net:
    """The lesson's net, with a sigmoid after each layer where it says nothing else."""
    return Net(sizes, activations or ("sigmoid",) * (len(sizes) - 1))


Between = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Loss:
    """A loss of predictions p and targets t, both (K, N, out), and its gradient in each p."""

    value: Between  # (K,)
    gradient: Between  # (K, N, out)


def _mean(values: Array) -> Array:
    return np.asarray(values.mean(axis=(1, 2)))


def _count(p: Array) -> int:
    return int(p.shape[1] * p.shape[2])


_TINY = 1e-12  # binary cross-entropy of a prediction that is exactly 0 or 1 would be infinite


def _bce(p: Array, t: Array) -> Array:
    p = np.clip(p, _TINY, 1 - _TINY)
    return _mean(-t * np.log(p) - (1 - t) * np.log(1 - p))


def _bce_gradient(p: Array, t: Array) -> Array:
    p = np.clip(p, _TINY, 1 - _TINY)
    return (p - t) / (p * (1 - p)) / _count(p)


def _again(loss: Loss) -> Loss:
    """A loss of predictions that are squashed once more before they are compared."""

    def gradient(p: Array, t: Array) -> Array:
        squashed = sigmoid(p)
        return loss.gradient(squashed, t) * squashed * (1 - squashed)

    return Loss(lambda p, t: loss.value(sigmoid(p), t), gradient)


MSE = Loss(lambda p, t: _mean((p - t) ** 2), lambda p, t: 2 * (p - t) / _count(p))
BCE = Loss(_bce, _bce_gradient)
LOSSES = {
    "mse": MSE,
    "sum": Loss(lambda p, t: ((p - t) ** 2).sum(axis=(1, 2)), lambda p, t: 2 * (p - t)),
    "half": Loss(lambda p, t: _mean((p - t) ** 2) / 2, lambda p, t: (p - t) / _count(p)),
    "bce": BCE,
    "mse-again": _again(MSE),
    "bce-again": _again(BCE),
    "l1": Loss(lambda p, t: _mean(np.abs(p - t)), lambda p, t: np.sign(p - t) / _count(p)),
}


def _layers(theta: Array, net: Net) -> list[tuple[Array, Array]]:
    """Each layer's weights (out, in, K) and biases (out, K)."""
    layers, at = [], 0
    columns = np.ascontiguousarray(theta.T)
    for n_in, n_out in pairwise(net.sizes):
        weights = columns[at : at + n_in * n_out].reshape(n_out, n_in, len(theta))
        at += n_in * n_out
        layers.append((weights, columns[at : at + n_out]))
        at += n_out
    return layers


def _forward(layers: list[tuple[Array, Array]], inputs: Array, net: Net) -> list[Array]:
    """The values of every layer for every row of inputs: a list of (size, N, K).

    The parameter vectors come last: sums over them run through memory, which is twice as fast as
    multiplying thousands of matrices of the lesson's size.
    """
    count = layers[0][0].shape[2]
    values = [np.repeat(inputs.T[:, :, None], count, axis=2)]
    for (weights, biases), name in zip(layers, net.activations, strict=True):
        z = np.einsum("oik,ink->onk", weights, values[-1]) + biases[:, None, :]
        values.append(ACTIVATIONS[name].value(z))
    return values


def predict(theta: Array, inputs: Array, net: Net) -> Array:
    """Predictions (K, N, out) of K parameter vectors (K, P) for inputs (N, in)."""
    return _forward(_layers(theta, net), inputs, net)[-1].T


def loss(theta: Array, inputs: Array, targets: Array, net: Net, name: str = "mse") -> Array:
    """The loss (K,) at K parameter vectors."""
    return LOSSES[name].value(predict(theta, inputs, net), targets)


def _backward(
    layers: list[tuple[Array, Array]], values: list[Array], grad: Array, net: Net
) -> Iterator[tuple[Array, Array]]:
    """Of each layer, the last one first: the derivatives in its weighted sums, and its inputs.

    `grad` (out, N, K) are the derivatives in the predictions.
    """
    for depth in range(len(layers) - 1, -1, -1):
        weights, _ = layers[depth]
        grad = grad * ACTIVATIONS[net.activations[depth]].derivative(values[depth + 1])
        yield grad, values[depth]
        if depth:
            grad = np.einsum("oik,onk->ink", weights, grad)


def gradient(theta: Array, inputs: Array, targets: Array, net: Net, name: str = "mse") -> Array:
    """The loss's gradient (K, P) at K parameter vectors, over the whole batch of inputs."""
    result = np.empty(theta.shape)
    size = max(1, AT_ONCE // (net.width + len(inputs) * sum(net.sizes)))
    for block in (slice(at, at + size) for at in range(0, len(theta), size)):
        layers = _layers(theta[block], net)
        values = _forward(layers, inputs, net)
        by_prediction = LOSSES[name].gradient(values[-1].T, targets).T
        parts: list[Array] = []
        for by_sum, given in _backward(layers, values, by_prediction, net):
            by_weight = np.einsum("onk,ink->oik", by_sum, given)
            parts[:0] = [by_weight.reshape(-1, by_sum.shape[2]), by_sum.sum(axis=1)]
        result[block] = np.concatenate(parts).T
    return result


@dataclass(frozen=True)
class Derivatives:
    """Predictions (K, N, out) at K parameter vectors, and their derivatives (P, N·out, K).

    The gradient of any loss is a sum of these: of several losses they take one pass.
    """

    predictions: Array
    by_parameter: Array

    def gradient(self, targets: Array, name: str = "mse") -> Array:
        """As the function of this name."""
        by_prediction = LOSSES[name].gradient(self.predictions, targets)
        weights = by_prediction.reshape(-1, self.by_parameter.shape[1]).T
        return np.ascontiguousarray(np.einsum("pnk,nk->pk", self.by_parameter, weights).T)


def derivatives(theta: Array, inputs: Array, net: Net) -> Derivatives:
    """What the predictions at K parameter vectors (K, P) are, and where they would go."""
    layers = _layers(theta, net)
    values = _forward(layers, inputs, net)
    outputs: list[Array] = []
    for k in range(net.sizes[-1]):
        unit = np.zeros(values[-1].shape)
        unit[k] = 1.0
        parts: list[Array] = []
        for by_sum, given in _backward(layers, values, unit, net):
            by_weight = np.einsum("onk,ink->oink", by_sum, given)
            parts[:0] = [*by_weight, by_sum]
        outputs.append(np.concatenate(parts))  # (P, N, K)
    by_parameter = np.stack(outputs, axis=2)  # (P, N, out, K)
    shape = net.width, len(inputs) * net.sizes[-1], len(theta)
    return Derivatives(values[-1].T, by_parameter.reshape(shape))


def random_starts(rng: np.random.Generator, count: int, sizes: tuple[int, ...]) -> Array:
    """Starts (count, P) as `nn.Linear` draws them: uniform in ±1/√inputs, biases too."""
    parts = []
    for n_in, n_out in pairwise(sizes):
        bound = 1 / math.sqrt(n_in)
        parts.append(rng.uniform(-bound, bound, size=(count, n_in * n_out + n_out)))
    return np.concatenate(parts, axis=1)


def descend(
    theta: Array, inputs: Array, targets: Array, net: Net, *, lr: float, epochs: int
) -> Array:
    """Where plain gradient descent brings K starts (K, P) after `epochs` updates."""
    theta = theta.copy()
    for _ in range(epochs):
        theta -= lr * gradient(theta, inputs, targets, net)
    return theta
