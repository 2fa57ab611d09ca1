"""What learners' code does in Colab neither fails here nor passes in silence."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from xorkit.sandbox import Kernel, Warm

# What the cell does: its code, and what it then prints (all of it, or a part after an ellipsis).
COLAB = {
    "runs a command": ("!pip install torch", "[while grading] skipped: !pip install torch\n"),
    "keeps a command's output": ("days = !cal\nprint(days)", "… skipped: !cal\n[]\n"),
    "runs a shell cell": ("%%bash\nls\nls", "… skipped: !ls\n"),
    "runs Colab's shell cell": ("%%shell\npwd", "… skipped: !pwd\n"),
    "installs by a magic": ("%pip install numpy", "… skipped: !pip install numpy\n"),
    "chooses a TensorFlow": ("%tensorflow_version 2.x", ""),
    "loads Colab's tables": ("%load_ext google.colab.data_table", ""),
    "starts a program": (
        "import subprocess\n"
        "print(subprocess.run(['ls', '-l'], capture_output=True, text=True).stdout)",
        "… skipped: ls -l\n\n",
    ),
    "reads a program's output": (
        "import subprocess, os\nprint(subprocess.check_output('date'), os.popen('date').read())",
        "… skipped: date\nb'' \n",
    ),
    "asks the system": ("import os; print(os.system('w'))", "… skipped: w\n0\n"),
    "asks for input": ("print(repr(input('Your name? ')))", "Your name? \n''\n"),
    "asks for a password": ("import getpass; print(repr(getpass.getpass('Key: ')))", "Key: \n''\n"),
    "leaves": ("exit()", "… skipped: exit(), the notebook goes on\n"),
    "mounts the Drive": (
        "from google.colab import drive; drive.mount('/content/drive')",
        "… there is no Google Drive: /content/drive stays empty\n",
    ),
    "uploads": ("from google.colab import files; print(files.upload())", "… {}\n"),
    "downloads": ("from google.colab import files; files.download('model.pt')", ""),
    "reads a secret": ("from google.colab import userdata; print(userdata.get('KEY'))", "… \n"),
    "catches a missing secret": (
        "from google.colab import userdata\ntry: pass\nexcept userdata.SecretNotFoundError: pass",
        "",
    ),
    "asks the page": ("from google.colab import output; output.eval_js('1')", ""),
    "reads the notebook": (
        "from google.colab import _message; print(_message.blocking_request('get_ipynb'))",
        "{}\n",
    ),
    "uses what Colab will invent": ("import google.colab; google.colab.later.never()", ""),
    "looks for Colab": ("import sys; print('google.colab' in sys.modules)", "True\n"),
    "sends a model to the GPU": (
        "import torch\nnet = torch.nn.Linear(2, 1).to('cuda')\n"
        "x = torch.ones(3, 2, device=torch.device('cuda:0')).cuda()\nprint(net(x).device)",
        "… no 'cuda' here: it runs on the CPU\ncpu\n",
    ),
    "looks for a GPU": (
        "import torch\nprint(torch.device('cuda' if torch.cuda.is_available() else 'cpu'))",
        "cpu\n",
    ),
    "differentiates a function": (
        "import torch\nprint(torch.func.grad(lambda x: (x ** 2).sum())(torch.ones(2)))",
        "tensor([2., 2.])\n",
    ),
    "opens the compiler": (
        "import torch._dynamo.config as config\nimport torch\n"
        "torch._dynamo.reset(); print(torch._dynamo.config is config)",
        "True\n",
    ),
    "loads with workers": (
        "import torch\nfrom torch.utils.data import DataLoader\n"
        "print(len(list(DataLoader(torch.ones(4), 2, num_workers=2, prefetch_factor=4))))",
        "… DataLoader: num_workers=0\n2\n",
    ),
    "compiles": (
        "import torch\nprint(torch.compile(torch.nn.Identity())(3))",
        "… torch.compile: left as it is\n3\n",
    ),
    "copies files": (
        "import shutil, pathlib\npathlib.Path('a').write_text('x')\nshutil.copy2('a', 'b')\n"
        "print(pathlib.Path('b').read_text())",
        "x\n",
    ),
    "keeps a model": (
        "import torch\ntorch.save(torch.ones(2), 't.pt')\nprint(torch.load('t.pt').sum())",
        "tensor(2.)\n",
    ),
    "uses threads": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(4) as pool: print(sum(pool.map(int, '1234')))",
        "10\n",
    ),
    "uses more of torch's threads": (
        "import torch; torch.set_num_threads(2)\n"
        "print((torch.ones(500, 500) @ torch.ones(500)).mean())",
        "tensor(500.)\n",
    ),
    "awaits": ("import asyncio\nprint(await asyncio.sleep(0, 'done'))", "done\n"),
    "writes a module": ("%%writefile mine.py\nx = 5", "Writing mine.py\n"),
}
PICTURES = {
    "shows a plot": "import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()",
    "leaves a plot": "import matplotlib.pyplot as plt; plt.plot([1, 2]);",
    "wants another window": "%matplotlib notebook\nimport matplotlib.pyplot as plt; plt.plot([1]);",
}


@pytest.fixture(scope="module")
def colab(warm: Warm) -> Iterator[Kernel]:
    with warm.start() as kernel:
        yield kernel


@pytest.mark.parametrize("name", COLAB)
def test_a_notebook_goes_on_that(colab: Kernel, name: str) -> None:
    code, printed = COLAB[name]
    ran = colab.run(code)

    text = "".join(str(output["text"]) for output in ran.outputs if "text" in output)
    assert (ran.status, ran.error) == ("ok", None)
    assert text == printed or ("…" in printed and text.endswith(printed.lstrip("… ")))


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_comes_back_when_a_cell(colab: Kernel, name: str) -> None:
    ran = colab.run(PICTURES[name])

    assert ran.status == "ok"
    assert ran.outputs[-1]["output_type"] == "display_data"
    assert "image/png" in ran.outputs[-1]["data"]


def test_a_note_is_printed_once(kernel: Kernel) -> None:
    ran = kernel.run("!ls\n!ls\n!date")

    assert ran.outputs[0]["text"] == (
        "[while grading] skipped: !ls\n[while grading] skipped: !date\n"
    )


def test_torch_stays_untouched_until_a_cell_mentions_a_device(kernel: Kernel) -> None:
    kernel.run("import torch; before = torch.Tensor.to")

    assert kernel.run("assert torch.Tensor.to is before").status == "ok"
    assert kernel.run("assert torch.Tensor.to is not before, 'cuda'").status == "ok"


TRAINING = """
import torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Sigmoid(), torch.nn.Linear(2, 1))
optimizer = torch.optim.{optimizer}
for _ in range(20):
    optimizer.zero_grad()
    torch.nn.MSELoss()(model(torch.eye(2)), torch.tensor([[0.0], [1.0]])).backward()
    optimizer.step()
numbers = [parameter.tolist() for parameter in model.parameters()]
print(numbers)
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
    here: dict[str, Any] = {}
    exec(source, here)

    assert kernel.run(source).outputs[0]["text"] == f"{here['numbers']}\n"


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
said = (x.grad, type(x.grad), y.grad, said)
print(said)
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
    here: dict[str, Any] = {"torch": torch}
    exec(source, here)

    outputs = kernel.run(source).outputs
    assert [o["text"] for o in outputs if o["name"] == "stdout"] == [f"{here['said']}\n"]


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
