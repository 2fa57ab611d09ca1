"""What learners' code does in Colab neither fails here nor passes in silence."""

from collections.abc import Iterator

import pytest

from xorkit.sandbox import Kernel, Warm

# What the cell does: its code, and what it then prints (all of it, or a part after an ellipsis).
COLAB = {
    "runs a command": ("!pip install torch", "[while grading] skipped: !pip install torch\n"),
    "keeps a command's output": ("days = !cal\nprint(days)", "… skipped: !cal\n[]\n"),
    "runs a shell cell": ("%%bash\ndate\nls", "… skipped: !date\n"),
    "runs Colab's shell cell": ("%%shell\npwd", "/content\n"),
    "installs by a magic": ("%pip install numpy", "… skipped: !pip install numpy\n"),
    "chooses a TensorFlow": ("%tensorflow_version 2.x", ""),
    "loads Colab's tables": ("%load_ext google.colab.data_table", ""),
    "starts a program": (
        "import subprocess\n"
        "print(subprocess.run(['nproc', '-v'], capture_output=True, text=True).stdout)",
        "… skipped: nproc -v\n\n",
    ),
    "reads a program's output": (
        "import subprocess, os\nprint(subprocess.check_output('date'), os.popen('date').read())",
        "… skipped: date\nb'' \n",
    ),
    "asks the system": ("import os; print(os.system('w'))", "… skipped: w\n0\n"),
    "asks for input": ("print(repr(input('Your name? ')))", "Your name? \n''\n"),
    "asks for a password": ("import getpass; print(repr(getpass.getpass('Key: ')))", "Key: \n''\n"),
    "leaves": ("exit()", "… skipped: exit(), the notebook goes on\n"),
    "restarts": (
        "get_ipython().kernel.do_shutdown(True)",
        "… skipped: do_shutdown(), the notebook goes on\n",
    ),
    "mounts the Drive": (
        "from google.colab import drive; drive.mount('/content/drive')",
        "… there is no Google Drive: /content/drive is empty\n",
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
    "steps by every optimizer after a GPU was named": (
        "import torch\nnet = torch.nn.Linear(2, 1).to('cuda')\n"
        "for rule in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop):\n"
        "    rule(net.parameters(), lr=0.1).step()\n"
        "print(torch.accelerator.current_accelerator(check_available=True))",
        "… cpu\n",
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
    "saves where there is no folder": (
        "import torch, numpy as np\n"
        "for use in (lambda at: torch.save(1, at), torch.jit.load, np.genfromtxt):\n"
        "    try: use('/content/no/x')\n"
        "    except Exception as error: print('/content/no' in str(error), '/xk-' in str(error))",
        "True False\n" * 3,
    ),
    "measures what a line takes": (
        "def seven(): global n; n = 7\n"
        "%memit -r 1 -c seven()\nprint(n)\n%lprun -f seven -u 1 n = n + len('a b')\nprint(n)",
        "7\n10\n",
    ),
    "measures what a cell takes": ("%%memit\nfor k in range(3): pass\nprint(k)", "2\n"),
    "shows a run's page beside a cell": ("%%wandb -h 720 me/xor\n!mkdir runs\nprint(5)", "5\n"),
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
    data = ran.outputs[-1]["data"]
    assert isinstance(data, dict)
    assert "image/png" in data


def test_a_note_is_printed_once(kernel: Kernel) -> None:
    ran = kernel.run("!nproc\n!nproc\n!date")

    assert ran.outputs[0]["text"] == (
        "[while grading] skipped: !nproc\n[while grading] skipped: !date\n"
    )


def test_torch_stays_untouched_until_a_cell_mentions_a_device(kernel: Kernel) -> None:
    kernel.run("import torch; before = torch.Tensor.to")

    assert kernel.run("assert torch.Tensor.to is before").status == "ok"
    kernel.run(f"packed = '{'xpu;' * 500}'")
    assert kernel.run("assert torch.Tensor.to is before").status == "ok"
    assert kernel.run("assert torch.Tensor.to is not before, 'cuda'").status == "ok"
