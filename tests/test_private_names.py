"""Names of other libraries that are none of their promises are there, in the shape we count on.

The table in docs/architecture.md says what each is for; what a newer version changes fails here.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
ROW = re.compile(r"^\| `([\w.]+:[\w.]+)` \|", re.MULTILINE)
NAMES = ROW.findall(PAGE)
# Their parameters, where we replace them or call them with what has no name.
SHAPES = {
    "IPython.core.interactiveshell:InteractiveShell.run_code": "self code_obj result async_",
    "IPython.core.interactiveshell:InteractiveShell.user_expressions": "self expressions",
    "IPython.core.interactiveshell:InteractiveShell.showtraceback": (
        "self exc_tuple filename tb_offset exception_only running_compiled_code"
    ),
    "IPython.core.interactiveshell:InteractiveShell.set_custom_exc": "self exc_tuple handler",
    "IPython.core.interactiveshell:InteractiveShell._showtraceback": "self etype evalue stb",
    "ipykernel.kernelapp:IPKernelApp.init_iopub": "self context",
    "ipykernel.kernelapp:IPKernelApp.init_shell": "self",
    "ipykernel.ipkernel:IPythonKernel.raw_input": "self prompt",
    "jupyter_client.channels:AsyncZMQSocketChannel._recv": "self kwargs",
    "jupyter_client.channels:AsyncZMQSocketChannel.get_msg": "self timeout",
    "nbclient.client:NotebookClient.process_message": "self msg cell cell_index",
    "nbclient.client:NotebookClient.output": "self outs msg display_id cell_index",
    "nbclient.client:NotebookClient.clear_output": "self outs msg cell_index",
}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_there_and_takes_what_it_took(name: str) -> None:
    found: Any = pkgutil.resolve_name(name)

    if name in SHAPES:
        assert " ".join(inspect.signature(found).parameters) == SHAPES[name]


def test_the_table_names_all_that_are_looked_at_closely() -> None:
    assert len(NAMES) > 20
    assert SHAPES.keys() <= set(NAMES)


@pytest.mark.parametrize("step", importlib.import_module("xorkit.guest.child").BEFORE_THE_FORK)
def test_a_step_that_is_made_before_the_fork_asks_for_nothing(step: str) -> None:
    from ipykernel.kernelapp import IPKernelApp

    assert list(inspect.signature(getattr(IPKernelApp, step)).parameters) == ["self"]


def test_what_only_an_object_has_is_there() -> None:
    from jupyter_client.asynchronous.client import AsyncKernelClient
    from nbclient import NotebookClient
    from nbformat.v4 import new_notebook
    from torch import nn

    assert type(vars(nn.Linear(1, 1))["_parameters"]) is dict
    assert AsyncKernelClient()._iopub_channel is None
    client = NotebookClient(new_notebook())
    client.reset_execution_trackers()
    assert client.output_hook_stack["nothing"] == []
    assert "self.clear_before_next_output = False" in inspect.getsource(NotebookClient)
    assert client.on_cell_executed is None


def test_private_names_of_torch_that_are_used_stand_in_the_table() -> None:
    used = {
        name
        for room in ("guest", "probe", "sandbox")
        for path in (ROOT / "src" / "xorkit" / room).glob("*.py")
        for name in re.findall(r"torch(?:\.\w+)*\.(_\w+)", path.read_text("utf-8"))
    }

    assert [name for name in sorted(used) if name not in PAGE] == []
