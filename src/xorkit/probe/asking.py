"""Answers to questions given as data: what a learner's tensor, model, loss or optimizer does."""

from __future__ import annotations

import contextlib
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from xorkit.evidence import ANSWER, LARGEST_INT, MAX_SHAPES, MAX_TENSOR, MAX_WIDTH, encode
from xorkit.probe.limits import limited
from xorkit.probe.recording import describe, flat, parameters_of, recorder


def ask_tensor(value: object) -> dict[str, Any]:
    """A tensor as evidence, or what stands in its place."""
    if isinstance(value, torch.Tensor):
        with contextlib.suppress(Exception):  # a tensor subclass may do anything
            plain = value.detach().cpu()
            known = plain.dtype not in (torch.bfloat16, torch.float16)
            array = (plain if known else plain.float()).numpy()
            if array.size <= MAX_TENSOR:
                return {"dtype": str(value.dtype).removeprefix("torch."), "array": encode(array)}
    return {"type": type(value).__name__[:80], "text": ask_text(value)}


def ask_text(value: object) -> str:
    try:
        return repr(value)[:200]
    except Exception:
        return ""  # a learner's __repr__ may raise anything


def ask_value(value: object) -> Any:
    """A plain value as JSON, of anything else its type and its looks."""
    if type(value) is str:
        return value[:ANSWER]
    if value is None or type(value) is bool:
        return value
    if type(value) is int and abs(value) <= LARGEST_INT:
        return value
    if type(value) is float and math.isfinite(value):  # JSON has no word for the others
        return value
    if isinstance(value, torch.Tensor):
        return ask_tensor(value)
    return {"type": type(value).__name__[:80], "text": ask_text(value)}


def ask_model(model: object, questions: Mapping[str, Any]) -> dict[str, Any]:
    """A model's outputs at parameters that the judge chose: its function, whatever its class.

    The parameters are filled in the model's own order, and put back; `outputs` is
    (vectors, inputs, out).
    """
    try:
        return limited(lambda: _answers(model, questions))
    except (Exception, SystemExit) as error:  # a learner's forward may raise anything
        return {"error": describe(error), "type": type(model).__name__[:80]}


def _answers(model: Any, questions: Mapping[str, Any]) -> dict[str, Any]:
    inputs = torch.tensor(questions["inputs"])
    parameters = parameters_of(model, inputs)
    if sum(p.numel() for p in parameters) > MAX_WIDTH or len(parameters) > MAX_SHAPES:
        raise ValueError(f"the model has more than {MAX_WIDTH} numbers or {MAX_SHAPES} tensors")
    if parameters:
        inputs = inputs.to(parameters[0].dtype)
    outputs = []
    with kept(parameters), torch.no_grad():
        for vector in questions["vectors"]:
            fill(parameters, vector)
            outputs.append(_small(model(inputs)))
    return {
        "shapes": [list(parameter.shape) for parameter in parameters],
        "trains": [p.requires_grad and not p.is_inference() for p in parameters],
        "outputs": encode(torch.stack(outputs).to(torch.float64).numpy()),
    }


def _small(outputs: object) -> torch.Tensor:
    if not isinstance(outputs, torch.Tensor) or outputs.numel() > MAX_TENSOR:
        raise TypeError(f"the model gives back {type(outputs).__name__}, not a small tensor")
    return outputs.detach().cpu()


@contextlib.contextmanager
def kept(parameters: Sequence[torch.Tensor]) -> Iterator[None]:
    """Puts parameters and their gradients back afterwards, behind autograd's back."""
    before = [(p, p.data, p.data.clone(), p.grad, p.requires_grad) for p in parameters]
    for parameter in parameters:
        parameter.grad = None
    try:
        yield
    finally:
        for parameter, data, values, grad, requires in before:
            data.copy_(values)
            parameter.data = data
            parameter.grad = grad
            if parameter.requires_grad != requires:  # what inference mode made takes no word of it
                parameter.requires_grad_(requires)


def fill(parameters: Sequence[torch.Tensor], values: Sequence[float]) -> None:
    """Writes the values into the parameters, in order; they start again when used up."""
    at = 0
    for parameter in parameters:
        numbers = [values[(at + i) % len(values)] for i in range(parameter.numel())]
        put(parameter, numbers)
        at += parameter.numel()


def put(parameter: torch.Tensor, numbers: Sequence[float]) -> None:
    """Writes numbers into a parameter, behind autograd's back."""
    new = torch.tensor(numbers, dtype=torch.float64).reshape(parameter.shape)
    parameter.data.copy_(new)


def ask_loss(loss_fn: Any, questions: Mapping[str, Any]) -> dict[str, Any]:
    """A loss function's value and gradient for each pair of predictions and targets."""
    try:
        pairs = [(torch.tensor(p), torch.tensor(t)) for p, t in questions["pairs"]]
        with recorder().aside():
            recorder().reset()
            found = limited(lambda: [_value_and_gradient(loss_fn, p, t) for p, t in pairs])
        values, gradients = zip(*found, strict=True)
        stacked = torch.stack(gradients).double().numpy()
        return {"values": encode(np.array(values)), "gradients": encode(stacked)}
    except (Exception, SystemExit) as error:  # a learner's function may raise anything
        return {"error": describe(error), "type": type(loss_fn).__name__[:80]}


def _value_and_gradient(
    loss_fn: Any, predictions: torch.Tensor, targets: torch.Tensor
) -> tuple[float, torch.Tensor]:
    """The gradient is 0 where nothing leads from the loss back to the predictions."""
    predictions.requires_grad_()
    loss = loss_fn(predictions, targets)
    if isinstance(loss, torch.Tensor) and loss.requires_grad:
        torch.autograd.backward(loss)
    gradient = predictions.grad
    return float(loss), torch.zeros_like(predictions) if gradient is None else gradient


def ask_optimizer(model: object, optimizer: Any, questions: Mapping[str, Any]) -> dict[str, Any]:
    """Where an optimizer takes the model's parameters for gradients that the judge chose.

    `rows` is (steps + 1, parameters). Parameters and optimizer are left as they were.
    """
    try:
        parameters = parameters_of(model, torch.tensor(questions["X"]))
        rows = limited(lambda: _steps(parameters, optimizer, questions["grads"]))
    except (Exception, SystemExit) as error:  # a learner's optimizer may raise anything
        return {"error": describe(error), "type": type(optimizer).__name__[:80]}
    return {"type": type(optimizer).__name__[:80], "rows": encode(rows.astype(np.float32))}


def _steps(parameters: list[torch.Tensor], optimizer: Any, grads: Sequence[Any]) -> Any:
    with kept(parameters), _memory_kept(optimizer):
        rows = [_row(parameters)]
        for vector in grads:
            gradients = [torch.empty_like(parameter) for parameter in parameters]
            fill(gradients, vector)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                # None reaches a parameter that doesn't require it.
                parameter.grad = gradient.detach() if parameter.requires_grad else None
            optimizer.step()
            rows.append(_row(parameters))
        return np.stack(rows)


@contextlib.contextmanager
def _memory_kept(optimizer: Any) -> Iterator[None]:
    """An optimizer without what it remembers of earlier steps, which it then gets back."""
    if not isinstance(optimizer, torch.optim.Optimizer):
        yield
        return
    state, optimizer.state = optimizer.state, defaultdict(dict)
    try:
        yield
    finally:
        optimizer.state = state


def _row(parameters: Sequence[torch.Tensor]) -> Any:
    return np.concatenate([flat(p) for p in parameters]) if parameters else np.empty(0)
