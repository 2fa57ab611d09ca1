"""Python's text without what its grammar got after 3.11: the same program, as far as it goes."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

# What stands for a generic alias: a class that takes any parameters, by a name nobody can reuse.
ANYTHING = "[].__class__"
_STRINGS = (cst.SimpleString, cst.ConcatenatedString)


class Older(cst.CSTTransformer):
    """Writes a module anew; `python` is the oldest that reads it as it was.

    f-strings become calls of `str.format`, type parameters plain variables. Where a construct has
    no older form, `lost` is set: what is put in its place only compiles.
    """

    def __init__(self) -> None:
        super().__init__()
        self.python = "3.11"
        self.lost = False

    def _needs(self, python: str) -> None:
        self.python = max(self.python, python)

    # --------------------------------------------------------------------------- f-strings (3.12)

    def leave_FormattedString(  # noqa: N802 - libcst's name
        self, original_node: cst.FormattedString, updated_node: cst.FormattedString
    ) -> cst.BaseExpression:
        self._needs("3.12")
        return _formatted(updated_node)

    def visit_ConcatenatedString(self, node: cst.ConcatenatedString) -> bool:  # noqa: N802
        return False  # its parts may not become anything but strings while they are in it

    def leave_ConcatenatedString(  # noqa: N802
        self, original_node: cst.ConcatenatedString, updated_node: cst.ConcatenatedString
    ) -> cst.BaseExpression:
        left, right = original_node.left.visit(self), original_node.right.visit(self)
        assert isinstance(left, cst.BaseExpression)  # noqa: S101 - `leave_…` give no others
        assert isinstance(right, cst.BaseExpression)  # noqa: S101
        if isinstance(left, cst.SimpleString) and isinstance(right, _STRINGS):
            return updated_node
        return cst.BinaryOperation(left, cst.Add(), right, [cst.LeftParen()], [cst.RightParen()])

    def leave_TemplatedString(  # noqa: N802
        self, original_node: cst.TemplatedString, updated_node: cst.TemplatedString
    ) -> cst.BaseExpression:
        self._needs("3.14")
        self.lost = True
        return cst.SimpleString('""')

    # --------------------------------------------------------------------- type parameters (3.12)

    def leave_TypeAlias(  # noqa: N802
        self, original_node: cst.TypeAlias, updated_node: cst.TypeAlias
    ) -> cst.Assign:
        self._needs("3.12")
        target = cst.AssignTarget(updated_node.name)
        return cst.Assign([target], cst.parse_expression(ANYTHING))

    def leave_FunctionDef(  # noqa: N802
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
        found = self._parameters(updated_node.type_parameters)
        if not found:
            return updated_node
        return cst.FlattenSentinel([*found, updated_node.with_changes(type_parameters=None)])

    def leave_ClassDef(  # noqa: N802
        self, original_node: cst.ClassDef, updated_node: cst.ClassDef
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
        found = self._parameters(updated_node.type_parameters)
        if not found:
            return updated_node
        names = ", ".join(_names(updated_node.type_parameters))
        generic = cst.Arg(cst.parse_expression(f'__import__("typing").Generic[{names}]'))
        bases = [
            *(base.with_changes(comma=cst.MaybeSentinel.DEFAULT) for base in updated_node.bases)
        ]
        plain = updated_node.with_changes(
            type_parameters=None,
            bases=[*bases, generic],
            lpar=cst.LeftParen(),
            rpar=cst.RightParen(),
        )
        return cst.FlattenSentinel([*found, plain])

    def _parameters(self, parameters: cst.TypeParameters | None) -> list[cst.BaseStatement]:
        """Statements that make type parameters plain variables, as they were before 3.12."""
        if parameters is None:
            return []
        defaults = any(each.default is not None for each in parameters.params)
        self._needs("3.13" if defaults else "3.12")
        found: list[cst.BaseStatement] = []
        for each in parameters.params:
            kind, name = type(each.param).__name__, each.param.name.value
            found.append(cst.parse_statement(f'{name} = __import__("typing").{kind}("{name}")'))
        return found

    # ------------------------------------------------------------------ smaller things (3.14, 3.15)

    def leave_ExceptHandler(  # noqa: N802
        self, original_node: cst.ExceptHandler, updated_node: cst.ExceptHandler
    ) -> cst.ExceptHandler:
        return updated_node.with_changes(type=self._in_parentheses(updated_node.type))

    def leave_ExceptStarHandler(  # noqa: N802
        self, original_node: cst.ExceptStarHandler, updated_node: cst.ExceptStarHandler
    ) -> cst.ExceptStarHandler:
        return updated_node.with_changes(type=self._in_parentheses(updated_node.type))

    def _in_parentheses(self, kinds: cst.BaseExpression | None) -> cst.BaseExpression | None:
        if not isinstance(kinds, cst.Tuple) or kinds.lpar:
            return kinds
        self._needs("3.14")
        return kinds.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def _names(parameters: cst.TypeParameters | None) -> Sequence[str]:
    stars = {"TypeVarTuple": "*"}
    return [
        stars.get(type(each.param).__name__, "") + each.param.name.value
        for each in (parameters.params if parameters else ())
    ]


def _formatted(string: cst.FormattedString) -> cst.BaseExpression:
    """An f-string as a call of `format` on the same text, which knows the same fields."""
    values: list[cst.BaseExpression] = []
    prefix = string.start.rstrip("\"'").lower().replace("f", "")
    quote = string.end
    text = f"{prefix}{quote}{_fields(string.parts, values)}{quote}"
    call = cst.Call(
        cst.Attribute(cst.SimpleString(text), cst.Name("format")),
        [cst.Arg(_closed(value)) for value in values],
    )
    return call.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def _fields(
    parts: Sequence[cst.BaseFormattedStringContent], values: list[cst.BaseExpression]
) -> str:
    found = []
    for part in parts:
        if isinstance(part, cst.FormattedStringText):
            found.append(part.value)
            continue
        field = cst.ensure_type(part, cst.FormattedStringExpression)
        values.append(field.expression)
        number = len(values) - 1
        spec = _fields(field.format_spec or (), values)
        conversion = field.conversion
        if field.equal is not None:  # f"{x=}" says the text of its expression
            code = cst.Module([]).code_for_node(field.expression)
            before = cst.Module([]).code_for_node(field.whitespace_before_expression)
            found.append(_said(f"{before}{code}={_after(field)}"))
            conversion = conversion or ("r" if not field.format_spec else None)
        shown = f"{{{number}{'!' + conversion if conversion else ''}{':' + spec if spec else ''}}}"
        found.append(shown)
    return "".join(found)


def _after(field: cst.FormattedStringExpression) -> str:
    return cst.Module([]).code_for_node(field.equal).removeprefix("=") if field.equal else ""


def _said(code: str) -> str:
    """The text of an expression as it stands in a string between any quotes."""
    escaped = code.replace("\\", "\\\\").replace("{", "{{").replace("}", "}}")
    return escaped.replace('"', "\\x22").replace("'", "\\x27").replace("\n", "\\n")


def _closed(value: cst.BaseExpression) -> cst.BaseExpression:
    """An expression in parentheses of its own: it may run over lines, or hold an assignment."""
    return value.with_changes(
        lpar=[cst.LeftParen(), *value.lpar], rpar=[*value.rpar, cst.RightParen()]
    )
