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
from itertools import dropwhile
from pathlib import Path

from xorkit.guest.folders import Folders

BETWEEN = ("&&", "||", ";")
INTO = (">", ">>")
# What is said on stderr isn't kept apart: where it is sent makes no difference.
STDERR = re.compile(r"\s(?:2>>?\s*(?:/dev/null|&1)|&>\s*/dev/null)")
BRACES = re.compile(r"(.*?)\{([^{}\s]*,[^{}\s]*)\}(.*)")
LONGEST_FILE = 1 << 20  # characters of a file that `cat` prints


class CommandError(Exception):
    """What a command says on stderr."""


class UntrueError(Exception):
    """What was asked by `test` isn't so."""


def run_shell_line(text: str, folders: Folders) -> tuple[int, str] | None:
    """The exit status of a shell line or script, and what it prints.

    None where it needs more than the commands below know: then nothing of it is done.
    """
    try:
        commands = list(_commands(text))
    except ValueError:  # an open quote, or a sign of the shell's own
        return None
    if not commands or not all(_is_known(words) for words, *_ in commands):
        return None
    said, status, here = io.StringIO(), 0, os.getcwd()
    for words, target, mode, after in commands:
        if (after == "&&" and status) or (after == "||" and not status):
            continue
        out = io.StringIO()
        status = 0
        try:
            flags, names = _sorted_out(words)
            COMMANDS[words[0]](flags, names, out, folders)
            if target:
                with open(os.path.expanduser(target), mode, encoding="utf-8") as file:
                    file.write(out.getvalue())
        except UntrueError:
            status = 1
        except (CommandError, OSError, ValueError, shutil.Error) as error:
            status = 1
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            of = getattr(error, "filename", None)
            said.write(f"{words[0]}: {f'{of}: ' if of else ''}{reason}\n")
        if not target:
            said.write(out.getvalue())
    if any(words[0] == "cd" for words, *_ in commands):
        os.chdir(here)
    return status, said.getvalue()


def _is_known(words: Sequence[str]) -> bool:
    if words[0] in ("test", "["):
        return len(words) > 2 and words[1] in ("-d", "-e", "-f")
    if words[0] == "printf":
        return len(words) == 2 and "%" not in words[1]
    return words[0] in COMMANDS


def _commands(text: str) -> Iterator[tuple[list[str], str, str, str]]:
    """Each command's words, the file that its output goes to, and how that is opened.

    And the sign before it, which says whether it hangs on how the one before went.
    """
    for line in text.splitlines():
        lexer = shlex.shlex(STDERR.sub("", line), posix=True, punctuation_chars="();<>|&")
        lexer.whitespace_split = True
        words: list[str] = []
        target, mode, awaited, after = "", "w", False, ""
        for word in [*lexer, ";"]:
            if awaited:
                target, awaited = word, False
            elif word in INTO and words[-1:] not in (["1"], ["2"]):
                mode, awaited = ("a" if word == ">>" else "w"), True
            elif word in BETWEEN:
                if words:
                    yield words, target, mode, after
                words, target, mode, after = [], "", "w", word
            elif re.fullmatch(r"[();<>|&]+", word) or re.search(r"[`$]", word):
                raise ValueError(word)
            else:
                words.append(word)


def _sorted_out(words: Sequence[str]) -> tuple[set[str], list[str]]:
    """The letters of a command's flags, and its other words; patterns become what they match."""
    if words[0] in ("echo", "printf"):
        text = [*dropwhile(re.compile("-[neE]+").fullmatch, words[1:])]
        return set("".join(words[1 : len(words) - len(text)])), text
    if words[0] in ("test", "["):
        return set(words[1].strip("-")), [words[2]]
    flags = {"parents": "p", "recursive": "r", "force": "f"}
    letters: set[str] = set()
    names: list[str] = []
    for word in words[1:]:
        if word.startswith("--"):
            letters.add(flags.get(word[2:], ""))
        elif word.startswith("-") and len(word) > 1:
            letters |= set(word[1:])
        else:
            for each in _alternatives(os.path.expanduser(word)):
                names += sorted(glob.glob(each)) or [each]
    return letters, names


def _alternatives(word: str) -> Iterator[str]:
    """The words that one with braces stands for: a/{b,c}."""
    found = BRACES.fullmatch(word)
    if found is None:
        yield word
    else:
        for part in found[2].split(","):
            yield from _alternatives(found[1] + part + found[3])


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
    text = " ".join(names)
    if "e" in flags:
        text = _unescaped(text)
    out.write(text + ("" if "n" in flags else "\n"))


def _printf(flags: set[str], names: list[str], out: io.StringIO, folders: Folders) -> None:
    out.write(_unescaped(names[0]))


def _unescaped(text: str) -> str:
    for sign, meant in (("\\n", "\n"), ("\\t", "\t")):
        text = text.replace(sign, meant)
    return text


def _test(flags: set[str], names: list[str], out: io.StringIO, folders: Folders) -> None:
    asks = {"d": os.path.isdir, "f": os.path.isfile, "e": os.path.exists}
    if not asks[min(flags)](names[0]):
        raise UntrueError


def _true(flags: set[str], names: list[str], out: io.StringIO, folders: Folders) -> None:
    """Goes well."""


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
    "[": _test,
    "cat": _cat,
    "cd": _cd,
    "cp": _cp,
    "echo": _echo,
    "ls": _ls,
    "mkdir": _mkdir,
    "mv": _mv,
    "printf": _printf,
    "pwd": _pwd,
    "rm": _rm,
    "rmdir": _rmdir,
    "test": _test,
    "touch": _touch,
    "true": _true,
}
