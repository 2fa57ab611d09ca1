"""What the text of a solution cell says that gives plain values to names, without running it.

Choices and typed answers are such cells. `plain_values` reads a cell that does nothing else;
`written` reads any cell line by line, also one that Python can't: what stands to the right of a
name is there whether or not the line beside it has a quotation mark too few.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import math
import re
import warnings
from collections.abc import Iterator, Mapping

from xorkit.evidence import BY_ITSELF, LARGEST_INT, Evidence, EvidenceError, read_values

Plain = str | int | float | None
LONGEST_CELL = 20_000  # characters of a cell; whatever is longer than ten pages may as well be run

QUOTES = "\"'`´‘’“”„«»"
_FORM = re.compile(r"\s*#\s*@param\b.*")  # what Colab's forms keep beside a value
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


def plain_values(source: str) -> Mapping[str, Plain] | None:
    """The values by name; None for a cell that does, prints or warns of anything else."""
    if len(source) > LONGEST_CELL:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # the cell would show them
            return {
                name: value
                for node in ast.parse(source).body
                for name, value in _assigned(node).items()
            }
    except _UNREADABLE:
        return None


# What a loop calls that trains the model as it finds it: functions, and methods.
_FUNCTIONS = "model loss_fn range print len float int round enumerate no_grad"
_METHODS = (
    "append zero_grad backward step item detach tolist parameters eval train no_grad plot show"
)
_BRINGS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Lambda)


def only_trains(source: str) -> bool:
    """Whether a loop's text can do nothing but train the model that the cells above left behind.

    It draws no parameters, and calls and enters nothing that might.
    """
    try:
        nodes = _nodes(source)
    except _UNREADABLE:
        return False
    calls = (node.func for node in nodes if isinstance(node, ast.Call))
    known = (
        each.id in _FUNCTIONS.split()
        if isinstance(each, ast.Name)
        else getattr(each, "attr", "") in _METHODS.split()
        for each in calls
    )
    stores = (n for n in nodes if isinstance(n, ast.Attribute | ast.Subscript))
    stored = any(isinstance(node.ctx, ast.Store) for node in stores)
    entered = (node.context_expr for node in nodes if isinstance(node, ast.withitem))
    return (
        all(known)
        and not stored
        and all(isinstance(each, ast.Call) for each in entered)
        and not any(isinstance(n, _BRINGS) for n in nodes)
    )


def runs_again(source: str) -> bool:
    """Whether a loop's text `only_trains` in loops over ranges, which no first run uses up."""
    if not only_trains(source):
        return False
    nodes = _nodes(source)
    over = [node.iter for node in nodes if isinstance(node, ast.For)]
    ranges = all(isinstance(each, ast.Call) and _name(each.func) == "range" for each in over)
    return ranges and not any(isinstance(node, ast.While) for node in nodes)


@functools.lru_cache(1)  # the same loop is asked about twice
def _nodes(source: str) -> tuple[ast.AST, ...]:
    """All nodes of a program. Raises SyntaxError and the like where it is none."""
    return tuple(ast.walk(ast.parse(source)))


def _name(node: ast.expr) -> str:
    return str(getattr(node, "id", ""))


def _assigned(node: ast.stmt) -> dict[str, Plain]:
    """Raises ValueError for any other statement."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)):
            return {name: _plain(value)}
    raise ValueError(f"line {node.lineno} is more than a name and its value")


def _plain(value: object) -> Plain:
    """Raises ValueError for what JSON has no faithful form of."""
    match value:
        case str():
            value.encode()  # a UnicodeError is a ValueError
            return value
        case int() if abs(value) <= LARGEST_INT:
            return value
        case float() if math.isfinite(value):
            return value
        case None:
            return None
    raise ValueError(f"a {type(value).__name__}")


def assigned_texts(source: str, name: str) -> dict[str, str]:
    """What stands to the right of each name that fits `name`, a regular expression of one group.

    By that group: a text without its quotation marks, of anything else the code; "" where nothing
    stands there. Upper and lower case are one. The last one of a name counts, as in Python.
    """
    gives = rf"(?:{name})[{QUOTES}]?[ \t]*[=:]{{1,2}}[ \t]*"
    before = rf"[ \t*•{QUOTES}-]*(?:\w+[ \t]*=[ \t]*[{QUOTES}]+)?"  # a bullet, a text's beginning
    begins = re.compile(before + gives, re.IGNORECASE)
    if len(source) > LONGEST_CELL:
        return {}
    found: dict[str, str] = {}
    for part in _parts(re.sub(rf";[ \t]*(?={gives})", "\n", source), begins):
        first, _, below = part.partition("\n")
        if sides := dict(_right_sides(part, name)) or dict(_right_sides(first, name)):
            found |= {key: text or below.strip() for key, text in sides.items()}
        elif match := begins.match(part):
            text = "\n".join(_FORM.sub("", line) for line in part[match.end() :].split("\n"))
            found[match[1]] = text.strip().strip(QUOTES).strip()
    return found | dict(_right_sides(source, name))


def typed_answer(evidence: Evidence, question: str) -> object:
    """An answer in words: what the cell left under its own name, else what is typed in it.

    None where there is neither.
    """
    with contextlib.suppress(KeyError, EvidenceError):
        value = read_values(evidence.observations[question]).get(question)
        if value is not None:
            return value
    source = evidence.answers.get(question, "")
    if question in (found := assigned_texts(source, f"({question})")):
        return found[question]
    run = evidence.cell(question)
    if run is not None and run.status not in BY_ITSELF and _is_program(source):
        return None  # what had to be ended was no words
    lines = (line for line in source.split("\n") if not line.lstrip().startswith("#"))
    return "\n".join(lines).strip() or None


def _is_program(source: str) -> bool:
    """Whether Python would call or do something; to it a word may be a name, and two a sum."""
    tree = _tree(source)
    nodes = [] if tree is None else [*ast.walk(tree)]
    return any(isinstance(n, ast.Call | ast.stmt) and not isinstance(n, ast.Expr) for n in nodes)


def _tree(source: str) -> ast.Module | None:
    """The syntax tree; None where there is nothing, or nothing that Python can read."""
    try:
        with warnings.catch_warnings(action="ignore"):  # about the learner's code, not ours
            tree = ast.parse(source.strip())
    except _UNREADABLE:
        return None
    return tree if tree.body else None


def _parts(source: str, begins: re.Pattern[str]) -> Iterator[str]:
    """Lines that begin with such a name, each with those below that belong to none and are text."""
    part: list[str] = []
    for line in source.split("\n"):
        if begins.match(line):
            yield "\n".join(part)
            part = [line]
        elif part and line.strip() and not line.lstrip().startswith("#"):
            part.append(line)
    yield "\n".join(part)


def _right_sides(source: str, name: str) -> Iterator[tuple[str, str]]:
    tree = _tree(source)
    for node in tree.body if tree else ():
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            for left, right in _pairs(target, node.value):
                if isinstance(left, ast.Name) and (m := re.fullmatch(name, left.id, re.IGNORECASE)):
                    yield m[1], code_of(right, source.strip())


def _pairs(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    match target, value:
        case ast.Tuple(elts=lefts), ast.Tuple(elts=rights) if len(lefts) == len(rights):
            return list(zip(lefts, rights, strict=True))
    return [(target, value)]


def code_of(node: ast.expr, source: str) -> str:
    """A text constant's text, of anything else its code."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ast.get_source_segment(source, node) or ""


def tables(source: str) -> Iterator[dict[str, str]]:
    """The lists and dicts that a cell gives to names: place (from 1) or key -> text or code."""
    straight = source.translate(str.maketrans("“”„‘’", '"""\'\'')).strip()
    tree = _tree(straight) if len(source) <= LONGEST_CELL else None
    for node in tree.body if tree else ():
        match node:
            case ast.Assign(value=ast.List(elts=items) | ast.Tuple(elts=items)):
                pairs = [(str(place), item) for place, item in enumerate(items, 1)]
            case ast.Assign(value=ast.Dict(keys=keys, values=items)):
                pairs = [
                    (code_of(key, straight) if key else "", item)
                    for key, item in zip(keys, items, strict=True)
                ]
            case ast.Assign(value=ast.Call(func=ast.Name(id="dict"), args=[], keywords=words)):
                pairs = [(word.arg or "", word.value) for word in words]
            case _:
                continue
        yield {key: code_of(item, straight) for key, item in pairs}
