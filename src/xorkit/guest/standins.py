"""Stand-ins for packages that Colab has and this machine hasn't: they take any use without harm.

`colab_packages.txt` names what Colab can import; `bench/colab_packages.py` makes it anew.
"""

from __future__ import annotations

import difflib
import dis
import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from importlib import metadata, resources
from pathlib import PurePath
from types import (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodType,
    ModuleType,
)
from typing import Any

from xorkit.guest import confine
from xorkit.guest.folders import Folders
from xorkit.guest.lacks import (
    ANY,
    CLICK,
    COLAB,
    FILE,
    TYPING,
    EmptyLine,
    LackName,
    Lacks,
    NoFiles,
    Substitute,
)
from xorkit.guest.limits import LESSON_NAMES

# Parts of installed packages that need another one, which may be missing.
PACKAGE_OF_PART = {"torch.utils.tensorboard": "tensorboard"}
# The parts of google.colab, each with what it offers where that is little.
COLAB_PARTS: dict[str, tuple[str, ...]] = {
    "ai": (), "auth": ("authenticate_user", "authenticate_service_account"), "autoviz": (),
    "data_table": (), "drive": ("mount", "flush_and_unmount"), "errors": (),
    "files": ("download", "upload", "upload_file", "view"), "html": (), "kernel": (), "output": (),
    "patches": (), "runtime": ("unassign",), "sheets": (), "snippets": (), "sql": (), "syntax": (),
    "userdata": ("get", "SecretNotFoundError", "NotebookAccessError", "TimeoutException"),
    "widgets": (), "_message": (), "_reprs": (), "_shell": (), "_system_commands": (),
}  # fmt: skip
DRIVES = ("MyDrive", "My Drive", "Shareddrives")  # what a mounted Drive has at its top
# What only a training's own objects are asked for: a program that calls these trains by a stand-in.
TRAINING = ("backward", "step", "zero_grad", "parameters", "state_dict", "fit", "train")
OPERATOR_NAMES = (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor",
    "lshift", "rshift", "divmod",
)  # fmt: skip
OTHERS = (
    "neg", "pos", "abs", "invert", "round", "trunc", "floor", "ceil", "eq", "lt", "le", "gt", "ge",
    "ne", "getitem", "array_ufunc", "array_function",
)  # fmt: skip
ANSWER_NOTHING = ("setitem", "delitem", "delattr", "exit")
FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodType, type)
SPELT_LIKE = 0.8  # of a name: one or two letters are wrong
LONGEST_PATH = 200  # characters
ASKED = 1000  # times that one stand-in is true: a `while` on it must end
# Options between the two words are few; without a bound a long text takes minutes to read.
INSTALL = re.compile(r"\b(?:pip3?|uv|conda|mamba)\b.{0,100}?\binstall\b([^;&|\n]*)")
CONTINUED = re.compile(r"\\\n\s*")
# Its options that name a place, where what it says goes, and what follows a comment's sign.
NO_PACKAGE = re.compile(
    r"\s(?:-[ifctn]|--(?:extra-index-url|index-url|find-links|target|channel|name))[ =]\S+"
    r"|>+\s*\S+|\s#.*"
)
# What is installed by a file, an address, a folder or a variable: what is in it isn't said.
UNTOLD = re.compile(
    r"""[/{$]|\.whl\b|\s\+|\s(?:-r|--requirement)\b|["']-r["']|,\s*\*?[A-Za-z_]\w*\s*[\],.(\[]"""
)
# Names of packages that are imported by them, as a rule: not pytorch-ignite, GitPython or pyserial.
LIKE_MODULE = re.compile(r"(?!py)[a-z]\w*")
# A package's name, or the last part of its repository's address.
REQUIREMENT = re.compile(
    r"(?<=[\s\"'])[A-Za-z][\w.-]*(?![\w+:/])|(?<=/)[\w-]+(?:\.git)?(?=[\s@\"']|$)"
)
UNPACK = dis.opmap["UNPACK_SEQUENCE"]
# What comes after an expression that is a whole line, or a cell's last one.
DROPS = ("POP_TOP", "PRINT_EXPR", "CALL_INTRINSIC_1")
MACHINERY = ("<frozen", "importlib", "IPython/core/")  # imports for somebody else


@functools.cache
def colab_names() -> dict[str, str]:
    """What Colab can import, and the package on PyPI that it comes from."""
    text = resources.files("xorkit.guest").joinpath("colab_packages.txt").read_text("utf-8")
    lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return {words[0]: words[-1] for words in lines}


def installs(text: str) -> set[str]:
    """What the packages are imported by, as far as their names tell, that a text installs.

    With `ANY` where they don't tell for sure.
    """
    names: set[str] = set()
    for line in install_lines(text):
        said = NO_PACKAGE.sub("", line)
        words = REQUIREMENT.findall(said)
        plain = {re.sub(r"[-.]", "_", word.lower().removesuffix(".git")) for word in words}
        names |= plain | {word.replace("_", "") for word in plain}
        if not words or UNTOLD.search(said) or not all(map(_is_told, words)):
            names.add(ANY)
    return names


def install_lines(text: str) -> list[str]:
    """What follows `install` in each of a text's commands that install something."""
    return [found[1] for found in INSTALL.finditer(CONTINUED.sub(" ", text))]


def _is_told(package: str) -> bool:
    """Whether it is known what a package is imported by."""
    return bool(LIKE_MODULE.fullmatch(package)) or package.lower() in colab_names().values()


class StandIn(Substitute):
    """Answers whatever is asked with more of its kind; what a program decides by it is noted."""

    _lacks: Lacks
    _package = _path = ""
    _called = _deep = False
    _passed: tuple[Any, ...] = ()
    _asked = 0
    _offers: tuple[str, ...] = ()  # names that others may be misspelt for

    def __init__(self, *_: Any, **__: Any) -> None:
        """A subclass may be made with anything."""

    def lack(self) -> LackName:
        return COLAB if self._package == COLAB[1] else ("package", self._package)

    def is_whole(self, error: BaseException) -> bool:
        return isinstance(error, AttributeError) and _is_misspelt(error.name or "", self._offers)

    def _more(self, *_: Any, **__: Any) -> StandIn:
        return self._made(self._path, deep=True)

    def _made(self, path: str, **about: Any) -> StandIn:
        new = StandIn()
        given = {f"_{name}": value for name, value in about.items()}
        vars(new).update(_lacks=self._lacks, _package=self._package, _path=path, **given)
        return new

    def _decided(self) -> None:
        self._lacks.decided(*self.lack())

    def _nothing(self, *_: Any) -> None:
        """Stands in for what changes or ends something."""

    def __repr__(self) -> str:
        return f"<{self._path}: not here while grading>"

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "_repr_", "_ipython_")) and name != "__version__":
            raise AttributeError(name)
        if name in TRAINING and self._called:
            self._decided()
        if _is_misspelt(name, self._offers):
            raise AttributeError(
                f"module {self._path!r} has no attribute {name!r}", name=name, obj=self
            )
        path = f"{self._path}.{name}"
        if name.endswith(("Error", "Exception", "Warning", "Interrupt")):
            value: Any = type(name, (Exception,), {})
        else:
            value = self._made(path, deep=self._called or self._deep)
        vars(self)[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        vars(self)[name] = value

    def __call__(self, *args: Any, **options: Any) -> Any:
        given = (*args, *options.values())
        if len(args) == 1 and not options and not self._deep and isinstance(args[0], FUNCTIONS):
            if _is_dropped(sys._getframe(1)) and _is_learners(args[0]):
                self._decided()
            return args[0]  # a decorator, or what makes one
        if any(map(_is_learners, given)):
            self._decided()  # whether, and with what, it would have called that is unknown
        if files := {PurePath(each).stem for each in given if _is_path(each)}:
            self._lacks.promise(self.lack(), files)
        return self._made(f"{self._path}()", called=True, deep=self._deep, passed=args)

    def __iter__(self) -> Iterator[Any]:
        count = _unpacked(sys._getframe(1))
        if count:
            return iter([self._more() for _ in range(count)])
        self._decided()
        first = self._passed[0] if self._passed else ()
        plain = isinstance(first, str | bytes | Substitute) or not isinstance(first, Iterable)
        return iter(() if plain else first)

    def __next__(self) -> Any:
        return self._more() if bool(self) else next(iter(()))

    def __bool__(self) -> bool:
        self._decided()
        vars(self)["_asked"] = self._asked + 1
        return self._asked <= ASKED

    def _zero(self) -> int:
        self._decided()
        return 0

    __len__ = __int__ = __index__ = _zero

    def __float__(self) -> float:
        return float(self._zero())

    def __contains__(self, _: object) -> bool:
        self._decided()
        return False

    def __array__(self, *_: Any, **__: Any) -> Any:
        self._decided()
        return importlib.import_module("numpy").empty(0)

    def __enter__(self) -> StandIn:
        return self

    async def __aenter__(self) -> StandIn:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing was entered."""

    def __await__(self) -> Generator[None, None, StandIn]:
        yield from ()
        return self._more()

    async def __aiter__(self) -> Any:
        for each in self:
            yield each

    def __instancecheck__(self, instance: object) -> bool:
        return False

    def __subclasscheck__(self, other: type) -> bool:
        return False

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        about = {"_lacks": self._lacks, "_package": self._package, "_path": self._path}
        return (type(self._path.rpartition(".")[2], (StandIn,), {**about, "_called": True}),)

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = (*args, *(kwargs or {}).values())
        return next((each._more() for each in given if isinstance(each, StandIn)), None)

    __hash__ = object.__hash__


for _name in (*OPERATOR_NAMES, *(f"r{name}" for name in OPERATOR_NAMES), *OTHERS):
    setattr(StandIn, f"__{_name}__", StandIn._more)
for _name in ANSWER_NOTHING:
    setattr(StandIn, f"__{_name}__", StandIn._nothing)


def _is_misspelt(name: str, offers: Iterable[str]) -> bool:
    """Whether a name is almost one of these. Any other may be one that Colab has by now."""
    return name not in offers and bool(difflib.get_close_matches(name, offers, 1, SPELT_LIKE))


def _is_path(value: Any) -> bool:
    """Whether something may be the name of a file, which a package that is here would write."""
    text = str(value) if isinstance(value, str | PurePath) else ""
    return len(text) < LONGEST_PATH and bool("/" in text or PurePath(text).suffix)


def _unpacked(frame: FrameType) -> int:
    """Into how many names a frame is about to unpack something; 0 where it does something else."""
    code = frame.f_code.co_code
    at = frame.f_lasti
    return code[at + 1] if code[at] == UNPACK else 0


def _is_learners(value: object) -> bool:
    """Whether something is a function, or what goes on as one, that the notebook defines."""
    while isinstance(value, functools.partial):
        value = value.func
    if not isinstance(value, (FunctionType, MethodType, GeneratorType)):
        return False
    code = value.gi_code if isinstance(value, GeneratorType) else getattr(value, "__code__", None)
    return isinstance(code, CodeType) and not code.co_filename.startswith(confine.installation())


def _is_dropped(frame: FrameType) -> bool:
    """Whether nothing is done with what the call that a frame makes will give."""
    later = (each for each in dis.get_instructions(frame.f_code) if each.offset > frame.f_lasti)
    return next((each.opname for each in later), "") in DROPS


class StandInModule(StandIn, ModuleType):
    """A package that isn't here."""

    def __init__(self, name: str, package: str, lacks: Lacks) -> None:
        ModuleType.__init__(self, name)
        vars(self).update(_lacks=lacks, _package=package, _path=name, __path__=[])

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":  # `from package import *`
            self._lacks.starred(*self.lack())
        return super().__getattr__(name)

    def __repr__(self) -> str:
        return f"<module {self._path!r}: not here while grading>"


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """The last that Python asks for a module: gives a stand-in for what Colab has.

    With `parts` it is the first, and asked for those alone.
    """

    def __init__(self, lacks: Lacks, names: Iterable[str], parts: dict[str, str] | None) -> None:
        self.lacks, self.names, self.parts = lacks, set(names) - {"google"}, parts
        self.promised: set[str] = set()
        self.drawn = False  # whether pictures know of stand-ins

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if self._package(fullname) is None or not _is_own(sys._getframe(1)):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def _package(self, fullname: str) -> str | None:
        """The package on the list that a module belongs to; None where it is none of ours."""
        if self.parts is not None:
            return self.parts.get(fullname)
        words = fullname.split(".")
        if fullname.startswith("google.colab.") and _is_misspelt(words[2], COLAB_PARTS):
            return None
        for count in range(len(words), 0, -1):
            name = ".".join(words[:count])
            if name in self.names or name.lower() in self.promised:
                own = isinstance(sys.modules.get(name), StandInModule)
                return name if own or name == fullname else None
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        package = str(self._package(spec.name))
        whose = "Colab has" if package in colab_names() else "the notebook installs"
        self.lacks.say(f"{package}, which {whose}, isn't installed here: its calls do nothing")
        self.lacks.met("package", package)
        if not self.drawn:
            self.drawn = True
            _draw_nothing_of_it()
        return StandInModule(spec.name, package, self.lacks)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""

    def promise(self, text: str) -> None:
        """What a text of the notebook's installs is stood in for, where it isn't here."""
        self.promised |= installs(text)

    def excuse(self, error: BaseException | None) -> None:
        """A missing module that an install may have brought, perhaps for a library, is a lack."""
        name = (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
        if name and not _installed(name) and not self.promised.isdisjoint({ANY, name.lower()}):
            self.lacks.promise(("package", name), {name})


def _draw_nothing_of_it() -> None:
    """Lets matplotlib take stand-ins: what would be drawn of them is one, too."""
    axes: Any = importlib.import_module("matplotlib.axes").Axes
    for owner in (*axes.__mro__[:-1], importlib.import_module("matplotlib.pyplot")):
        for name, function in list(vars(owner).items()):
            if isinstance(function, FunctionType) and not name.startswith("_"):
                setattr(owner, name, _drawing(function))


def _drawing(function: FunctionType) -> Any:
    @functools.wraps(function)
    def drawing(*args: Any, **options: Any) -> Any:
        for value in (*args, *options.values()):
            for each in value if isinstance(value, list | tuple) else (value,):
                if isinstance(each, StandIn):
                    return each._more()
        return function(*args, **options)

    return drawing


def _is_own(frame: FrameType | None) -> bool:
    """Whether the notebook's own code imports, and no library that asks what there is."""
    while frame is not None:
        file = frame.f_code.co_filename
        if not any(part in file for part in MACHINERY):
            return not file.startswith(confine.installation())
        frame = frame.f_back
    return False


def install_standins(shell: Any, lacks: Lacks) -> Callable[[str], None]:
    """Put the stand-ins behind all that can be imported.

    Also watches each cell of `shell`, and tells the grader what it lacked. Gives what takes note of
    a text that installs something.
    """
    finder = Finder(lacks, colab_names(), None)
    sys.meta_path.append(finder)
    parts = {part: package for part, package in PACKAGE_OF_PART.items() if not _installed(package)}
    if parts:
        sys.meta_path.insert(0, Finder(lacks, (), parts))
    _tell_versions(lacks)
    left: dict[str, object] = {}
    run = shell.run_code

    def begins(info: Any) -> None:
        lacks.begin()
        finder.promise(info.raw_cell or "")

    def ended(result: Any) -> None:
        now = {name: shell.user_ns.get(name) for name in LESSON_NAMES}
        new = [value for name, value in now.items() if value is not left.get(name)]
        left.update(now)
        finder.excuse(result.error_in_exec)
        lacks.blame(result.error_in_exec, new)
        if _waits_for_a_click():
            lacks.met(*CLICK)
        lacks.publish(shell.display_pub.publish)

    async def run_code(*args: Any, **options: Any) -> Any:
        lacks.running = True
        try:
            return await run(*args, **options)
        finally:
            lacks.running = False

    shell.run_code = run_code
    shell.events.register("pre_run_cell", begins)
    shell.events.register("post_run_cell", ended)
    return finder.promise


def _waits_for_a_click() -> bool:
    """Whether a button would call a function of the notebook's."""
    widgets = getattr(sys.modules.get("ipywidgets.widgets.widget"), "_instances", {}).values()
    buttons = [vars(each).get("_click_handlers") for each in list(widgets)]
    calls = [each for handlers in buttons for each in getattr(handlers, "callbacks", ())]
    # `interact_manual` has a method of its own called, which calls that function.
    return any(_is_learners(getattr(getattr(each, "__self__", None), "f", each)) for each in calls)


def _tell_versions(lacks: Lacks) -> None:
    """`importlib.metadata.version`, also of what only Colab has: a program may print it."""
    original = metadata.version

    @functools.wraps(original)
    def version(name: str) -> str:
        try:
            return original(name)
        except metadata.PackageNotFoundError:
            plain = name.lower().replace("_", "-")
            known = next((n for n, package in colab_names().items() if package == plain), None)
            if known is None or not _is_own(sys._getframe(1)):
                raise
            lacks.met("package", known)
            return "0.0.0"

    setattr(metadata, "version", version)  # noqa: B010 - mypy knows its parameter's name


def stand_in_for_colab(shell: Any, lacks: Lacks, note: Any, folders: Folders) -> None:
    """`google.colab`: answers that harm nothing and stop nobody."""
    google: Any = importlib.import_module("google") if _installed("google") else None
    if google is None:  # a namespace of many packages: not all that is asked of it is in Colab
        spec = importlib.machinery.ModuleSpec("google", None, is_package=True)
        google = sys.modules["google"] = importlib.util.module_from_spec(spec)
    colab = google.colab = sys.modules["google.colab"] = _colab("google.colab", lacks)
    answers = {name: _colab(f"google.colab.{name}", lacks) for name in COLAB_PARTS}
    for name, offers in COLAB_PARTS.items():
        vars(answers[name])["_offers"] = offers
    vars(colab)["_offers"] = tuple(COLAB_PARTS)
    vars(colab).update(answers)
    sys.modules.update({f"google.colab.{name}": part for name, part in answers.items()})

    lacks.promise(FILE, {"sample_data", "proc", "sys", "etc"})
    mounted: set[str] = set()

    def watch_folders(chdir: Any) -> Any:
        @functools.wraps(chdir)
        def entering(path: Any) -> None:
            try:
                chdir(path)
            except OSError:
                if not mounted.isdisjoint(PurePath(os.fsdecode(path)).parts):
                    lacks.promise(FILE, set())  # of whatever lies there
                raise

        return entering

    def mount(mountpoint: str = "/content/drive", *_: Any, **__: Any) -> None:
        note(f"there is no Google Drive: {mountpoint} is empty")
        if not mounted:
            os.chdir = watch_folders(os.chdir)
            mounted.update(DRIVES)
            lacks.promise(FILE, mounted)
        for name in DRIVES:
            os.makedirs(folders.inside(f"{mountpoint}/{name}/Colab Notebooks"), exist_ok=True)

    def upload(*_: Any, **__: Any) -> dict[str, bytes]:
        note("nobody is here to upload a file")
        lacks.promise(TYPING, set())
        return NoFiles(lacks)

    def get(key: str) -> str:
        note(f"the secret {key!r} is empty")
        return EmptyLine(lacks, COLAB)

    def clear(wait: bool = False, output_tags: Any = None) -> None:
        from IPython.display import clear_output

        clear_output(wait)

    answers["drive"].mount = mount
    answers["files"].upload = answers["files"].upload_file = upload
    answers["userdata"].get = get
    answers["ai"].generate_text = lambda *_, **__: EmptyLine(lacks, COLAB)
    answers["output"].clear = clear
    answers["output"].register_callback = lambda *_, **__: lacks.met(*CLICK)
    answers["_message"].blocking_request = lambda *_, **__: {}


def _colab(name: str, lacks: Lacks) -> StandInModule:
    return StandInModule(name, "google.colab", lacks)


def _installed(package: str) -> bool:
    """Whether a package is really here."""
    return importlib.machinery.PathFinder.find_spec(package) is not None
