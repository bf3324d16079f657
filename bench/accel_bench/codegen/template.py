"""Fill a program of `scripts/` with other settings and a header.

The programs also run unchanged. Three comments in them mark what is replaced: `# (header)`, and everything between
`# (settings)` and `# (end)`. Everything that is inserted is a comment or comes from `literal`. Values are formatted
as ruff formats them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Final

LINE_LENGTH: Final = 88
_INDENT: Final = "    "
# The beginning of a line with a command, which is never wrapped, so that it can be copied.
COMMAND: Final = "    "
_FOLDER: Final = Path(__file__).parent / "scripts"
_HEADER, _SETTINGS, _END = "# (header)\n", "# (settings)\n", "# (end)\n"


@dataclass(frozen=True, slots=True)
class Setting:
    """One constant of a script.

    Attributes:
        value: A value that `literal` can write.
        comment: Comment above the constant; empty for none.
        annotation: Type of the constant, where a type checker cannot infer it.
    """

    value: object
    comment: str = ""
    annotation: str = ""


def fill(name: str, *, header: Sequence[Sequence[str]], settings: Mapping[str, Setting]) -> str:
    """Fill the program ``name``.

    Args:
        name: Name of the file in `scripts/`, without `.py`.
        header: Comment at the top: paragraphs of lines, which are wrapped.
        settings: Settings by the names of the program's constants; all of them.
    """
    source = (_FOLDER / f"{name}.py").read_text(encoding="utf-8")
    top, rest = source.split(_HEADER)
    imports, rest = rest.split(_SETTINGS)
    _, program = rest.split(_END)
    paragraphs = "\n#\n".join("\n".join(row for line in lines for row in comment(line)) for lines in header)
    constants = "\n".join(_setting(constant, setting) for constant, setting in settings.items())
    return f"{top}{paragraphs}\n{imports}{constants}\n{program}"


def comment(text: str) -> list[str]:
    """Write ``text`` as lines of comment. Characters that end a line or do not print become spaces."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    if plain.startswith(COMMAND):
        return [f"# {plain}"]
    return [f"# {line}" for line in wrap(plain, LINE_LENGTH - 2, break_long_words=False, break_on_hyphens=False)]


def _setting(name: str, setting: Setting) -> str:
    target = f"{name}: {setting.annotation}" if setting.annotation else name
    above = [*comment(setting.comment)] if setting.comment else []
    return "\n".join([*above, assignment(target, setting.value)])


def assignment(name: str, value: object) -> str:
    """Write `name = value` in one line, or with one line per item where that is too long.

    >>> print(assignment("PLAN", "every:3"))
    PLAN = "every:3"
    """
    line = f"{name} = {literal(value)}"
    items = _items(value)
    if len(line) <= LINE_LENGTH or not items:
        return line
    opening, closing = ("{", "}") if isinstance(value, dict) else ("(", ")")
    return "\n".join([f"{name} = {opening}", *(f"{_INDENT}{item}," for item in items), closing])


def literal(value: object) -> str:
    """Write the expression of ``value``: a string, a number, None, a range, or a tuple or dict of them.

    >>> literal({"a": (1, 0.5)})
    '{"a": (1, 0.5)}'
    """
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, dict):
        return f"{{{', '.join(_items(value))}}}"
    if isinstance(value, tuple):
        return f"({', '.join(_items(value))}{',' * (len(value) == 1)})"
    if isinstance(value, range) and (value.start, value.step) == (0, 1):
        return f"range({value.stop})"
    return repr(value)


def _items(value: object) -> list[str]:
    if isinstance(value, dict):
        return [f"{literal(key)}: {literal(item)}" for key, item in value.items()]
    return [literal(item) for item in value] if isinstance(value, tuple) else []


def _string(text: str) -> str:
    """Write a string in double quotes, unless single quotes need fewer escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join(f"\\{quote}" if sign == quote else repr(sign)[1:-1] for sign in text) + quote
