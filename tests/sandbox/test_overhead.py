"""What is left out of PyTorch's work in a kernel changes nothing that a learner could see."""

import contextlib
import io

import pytest

from xorkit.sandbox import Kernel


def printed_here(source: str) -> str:
    """By this process, whose PyTorch is as it was installed."""
    with contextlib.redirect_stdout(io.StringIO()) as text:
        exec(source, {})
    return text.getvalue()


def printed_there(kernel: Kernel, source: str) -> str:
    outputs = kernel.run(source).outputs
    return "".join(str(o["text"]) for o in outputs if o.get("name") == "stdout")


TRAINING = """
import torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Sigmoid(), torch.nn.Linear(2, 1))
optimizer = torch.optim.{optimizer}
for _ in range(20):
    optimizer.zero_grad()
    torch.nn.MSELoss()(model(torch.eye(2)), torch.tensor([[0.0], [1.0]])).backward()
    optimizer.step()
print([parameter.tolist() for parameter in model.parameters()])
"""


@pytest.mark.parametrize(
    "optimizer",
    [
        "SGD(model.parameters(), lr=0.1)",
        "SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)",
        "SGD(model.parameters(), lr=0.1, foreach=True)",
        "SGD(model.parameters(), lr=0.1, fused=True)",
        "Adam(model.parameters(), lr=0.1)",
        "Adam(model.parameters(), lr=0.1, fused=True)",
        "AdamW([{'params': [p]} for p in model.parameters()], lr=0.1)",
        "RMSprop(model.parameters(), lr=0.1)",
        "Rprop(model.parameters(), lr=0.1)",
    ],
)
def test_what_is_left_out_of_training_changes_no_bit_of_it(kernel: Kernel, optimizer: str) -> None:
    source = TRAINING.format(optimizer=optimizer)

    assert printed_there(kernel, source) == printed_here(source)


BACKWARD = """
import torch
x = torch.tensor([0.5, 2.0], requires_grad=True)
y = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
class Own(torch.Tensor):
    pass
own = Own([1.0])
try:
    {backward}
    said = "fine"
except Exception as error:
    said = f"{{type(error).__name__}}: {{error}}"
print((x.grad, type(x.grad), y.grad, said))
"""


@pytest.mark.filterwarnings("ignore:Using backward")  # with create_graph
@pytest.mark.parametrize(
    "backward",
    [
        "(x * x).sum().backward()",
        "(x * x).backward()",
        "(x * x).backward(torch.ones(2))",
        "(x * x).backward(gradient=torch.tensor([1.0, 3.0]))",
        "loss = (x * x).sum(); loss.backward(); loss.backward()",
        "loss = (x * x).sum(); loss.backward(retain_graph=True); loss.backward()",
        "torch.tensor(1.0).backward()",
        "(x * x).sum().detach().backward()",
        "(x * x * y).sum().backward()",
        "(x * x * y).sum().backward(inputs=[y])",
        "(x * x).sum().backward(create_graph=True); (2 * x.grad).sum().backward()",
        "(x * own).sum().backward()",
        "torch.autograd.backward((x * x).sum())",
        "torch.autograd.backward(tensors=[(x * x).sum(), y * y])",
        "torch.func.grad(lambda a: (a * a).sum().backward())(x)",
        "torch.complex(x, x).sum().backward()",
    ],
)
def test_every_way_back_ends_as_it_does_in_pytorch(kernel: Kernel, backward: str) -> None:
    source = BACKWARD.format(backward=backward)

    assert printed_there(kernel, source) == printed_here(source)


def test_a_profiler_sees_the_labels_that_are_left_out_where_none_runs(kernel: Kernel) -> None:
    """Its outputs come first; what PyTorch's own C++ code then says on stderr is its own affair."""
    ran = kernel.run(
        "import torch\n"
        "optimizer = torch.optim.SGD([torch.ones(2, requires_grad=True)])\n"
        "with torch.profiler.profile() as seen:\n"
        "    optimizer.zero_grad()\n"
        "    optimizer.step()\n"
        "optimizer.step()\n"
        "print({event.key: event.count for event in seen.key_averages() if 'SGD' in event.key})"
    )

    labels = ("Optimizer.zero_grad#SGD.zero_grad", "Optimizer.step#SGD.step")
    assert ran.outputs[0]["text"] == f"{dict.fromkeys(labels, 1)}\n"
