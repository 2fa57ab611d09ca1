"""Shell lines that only touch files, done in Python: no program is started for them."""

from __future__ import annotations

import contextlib
import glob
import io
import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from xorkit.guest.folders import Folders

BETWEEN = ("&&", ";")
INTO = (">", ">>")
LONGEST_FILE = 1 << 20  # characters of a file that `cat` prints


class CommandError(Exception):
    """What a command says on stderr."""


def run_shell_line(text: str, folders: Folders) -> tuple[int, str] | None:
    """The exit status of a shell line or script, and what it prints.

    None where it needs more than the commands below know: then nothing of it is done.
    """
    try:
        commands = list(_commands(text))
    except ValueError:  # an open quote, or a sign of the shell's own
        return None
    if not commands or any(words[0] not in COMMANDS for words, *_ in commands):
        return None
    said, status, here = io.StringIO(), 0, os.getcwd()
    for words, target, mode, if_well in commands:
        if if_well and status:
            continue
        out = io.StringIO()
        status = 0
        try:
            flags, names = _sorted_out(words)
            COMMANDS[words[0]](flags, names, out, folders)
        except (CommandError, OSError, ValueError, shutil.Error) as error:
            status = 1
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            of = getattr(error, "filename", None)
            said.write(f"{words[0]}: {f'{of}: ' if of else ''}{reason}\n")
        if not target:
            said.write(out.getvalue())
        elif not status:
            with open(os.path.expanduser(target), mode, encoding="utf-8") as file:
                file.write(out.getvalue())
    if any(words[0] == "cd" for words, *_ in commands):
        os.chdir(here)
    return status, said.getvalue()


def _commands(text: str) -> Iterator[tuple[list[str], str, str, bool]]:
    """Each command's words, the file that its output goes to, and how that is opened.

    And whether it only runs if the one before went well.
    """
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
        lexer.whitespace_split = True
        words: list[str] = []
        target, mode, awaited, if_well = "", "w", False, False
        for word in [*lexer, ";"]:
            if awaited:
                target, awaited = word, False
            elif word in INTO and words[-1:] not in (["1"], ["2"]):
                mode, awaited = ("a" if word == ">>" else "w"), True
            elif word in BETWEEN:
                if words:
                    yield words, target, mode, if_well
                words, target, mode, if_well = [], "", "w", word == "&&"
            elif re.fullmatch(r"[();<>|&]+", word) or re.search(r"[`$]", word):
                raise ValueError(word)
            else:
                words.append(word)


def _sorted_out(words: Sequence[str]) -> tuple[set[str], list[str]]:
    """The letters of a command's flags, and its other words; patterns become what they match."""
    if words[0] == "echo":
        return set("n" if words[1:2] == ["-n"] else ""), [w for w in words[1:] if w != "-n"]
    flags = {"parents": "p", "recursive": "r", "force": "f"}
    letters: set[str] = set()
    names: list[str] = []
    for word in words[1:]:
        if word.startswith("--"):
            letters.add(flags.get(word[2:], ""))
        elif word.startswith("-") and len(word) > 1:
            letters |= set(word[1:])
        else:
            word = os.path.expanduser(word)
            names += sorted(glob.glob(word)) or [word]
    return letters, names


Command = Callable[[set[str], list[str], io.StringIO, Folders], None]


def _mkdir(flags: set[str], names: list[str], out: io.StringIO, folders: Folders) -> None:
    for name in names:
        os.makedirs(name, exist_ok=True) if "p" in flags else os.mkdir(name)


def _cd(flags: set[str], names: list[str], out: io.StringIO, folders: Folders) -> None:
    os.chdir(names[0] if names else os.path.expanduser("~"))


def _touch(flags: set[str], names: list[str], out: io.StringIO, folders: Folders) -> None:
    for name in names:
        Path(name).touch()


def _echo(flags: set[str], names: list[str], out: io.StringIO, folders: Folders) -> None:
    out.write(" ".join(names) + ("" if "n" in flags else "\n"))


def _pwd(flags: set[str], names: list[str], out: io.StringIO, folders: Folders) -> None:
    out.write(os.getcwd() + "\n")


def _cat(flags: set[str], names: list[str], out: io.StringIO, folders: Folders) -> None:
    for name in names:
        with open(name, encoding="utf-8", errors="replace") as file:
            out.write(file.read(LONGEST_FILE))


def _ls(flags: set[str], names: list[str], out: io.StringIO, folders: Folders) -> None:
    for name in names or ["."]:
        shown = sorted(os.listdir(name)) if os.path.isdir(name) else [_existing(name)]
        shown = [each for each in shown if "a" in flags or not each.startswith(".")]
        if len(names) > 1 and os.path.isdir(name):
            out.write(f"{name}:\n")
        out.write("".join(f"{each}\n" for each in shown))


def _existing(name: str) -> str:
    os.stat(name)
    return name


def _rm(flags: set[str], names: list[str], out: io.StringIO, folders: Folders) -> None:
    for name in names:
        with contextlib.suppress(*((FileNotFoundError,) if "f" in flags else ())):
            shutil.rmtree(name) if flags & set("rR") and os.path.isdir(name) else os.remove(name)


def _cp(flags: set[str], names: list[str], out: io.StringIO, folders: Folders) -> None:
    *sources, target = _two(names)
    for source in sources:
        if not os.path.isdir(source):
            shutil.copy(source, target)
        elif flags & set("rRa"):
            into = (
                os.path.join(target, os.path.basename(source)) if os.path.isdir(target) else target
            )
            shutil.copytree(source, into, dirs_exist_ok=True)
        else:
            raise CommandError(f"-r not specified; omitting directory '{source}'")


def _mv(flags: set[str], names: list[str], out: io.StringIO, folders: Folders) -> None:
    *sources, target = _two(names)
    for source in sources:
        shutil.move(source, target)


def _rmdir(flags: set[str], names: list[str], out: io.StringIO, folders: Folders) -> None:
    for name in names:
        os.rmdir(name)


def _two(names: list[str]) -> list[str]:
    if len(names) < 2:
        raise CommandError("missing destination file operand")
    return names


COMMANDS: dict[str, Command] = {
    "cat": _cat,
    "cd": _cd,
    "cp": _cp,
    "echo": _echo,
    "ls": _ls,
    "mkdir": _mkdir,
    "mv": _mv,
    "pwd": _pwd,
    "rm": _rm,
    "rmdir": _rmdir,
    "touch": _touch,
}
