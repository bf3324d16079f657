"""A program of `scripts/`, given other settings and a header.

The programs run as they are. Three comments in them say what is replaced: `# (header)`, and all between
`# (settings)` and `# (end)`. Nothing else is touched, so whatever is put in goes through `literal` or is a comment.
Values are laid out as ruff's formatter lays them out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Final

LINE_LENGTH: Final = 88
_INDENT: Final = "    "
# What a line begins with that is a command, to be copied: it is never wrapped.
COMMAND: Final = "    "
_FOLDER: Final = Path(__file__).parent / "scripts"
_HEADER, _SETTINGS, _END = "# (header)\n", "# (settings)\n", "# (end)\n"


@dataclass(frozen=True, slots=True)
class Setting:
    """One constant of a script.

    Attributes:
        value: What `literal` can write.
        comment: What stands above it; empty for nothing.
        annotation: Its type, where a type checker could not tell.
    """

    value: object
    comment: str = ""
    annotation: str = ""


def fill(name: str, *, header: Sequence[Sequence[str]], settings: Mapping[str, Setting]) -> str:
    """The program ``name`` with these settings, by the names of its constants.

    Args:
        name: Of the file in `scripts/`, without `.py`.
        header: The comment at the top: paragraphs of lines, which are wrapped.
        settings: All that the program has.
    """
    source = (_FOLDER / f"{name}.py").read_text(encoding="utf-8")
    top, rest = source.split(_HEADER)
    imports, rest = rest.split(_SETTINGS)
    _, program = rest.split(_END)
    paragraphs = "\n#\n".join("\n".join(row for line in lines for row in comment(line)) for lines in header)
    constants = "\n".join(_setting(constant, setting) for constant, setting in settings.items())
    return f"{top}{paragraphs}\n{imports}{constants}\n{program}"


def comment(text: str) -> list[str]:
    """Lines of comment; signs that end a line or do not print become spaces."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    if plain.startswith(COMMAND):
        return [f"# {plain}"]
    return [f"# {line}" for line in wrap(plain, LINE_LENGTH - 2, break_long_words=False, break_on_hyphens=False)]


def _setting(name: str, setting: Setting) -> str:
    target = f"{name}: {setting.annotation}" if setting.annotation else name
    above = [*comment(setting.comment)] if setting.comment else []
    return "\n".join([*above, assignment(target, setting.value)])


def assignment(name: str, value: object) -> str:
    """`name = value` in one line, or one line for each item where that is too long.

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
    """The expression that evaluates to ``value``: strings, numbers, None, ranges, and tuples and dicts of them.

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
    """Double quotes, unless single ones need fewer escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join(f"\\{quote}" if sign == quote else repr(sign)[1:-1] for sign in text) + quote
