"""Fill a program of `scripts/` with other settings and a header.

The programs also run unchanged. Three comments in them mark what is replaced: `# (header)`, and everything between
`# (settings)` and `# (end)`. What is between `# (only NAME)` and `# (end NAME)` stays in scripts of that kind alone.
Everything that is inserted is a comment or comes from `literal`. Values are formatted as ruff formats them.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from textwrap import wrap
from typing import Final

import msgspec

from accel_runtime.plans.solved import SolvedFor, SolvedRow
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.plans.tome import Tome

LINE_LENGTH: Final = 88
_INDENT: Final = "    "
# Parts of a plan that are written even where they have their defaults.
_ALWAYS: Final = ("deep", "branch", "forecast")
# The beginning of a line with a command, which is never wrapped, so that it can be copied.
COMMAND: Final = "    "
_FOLDER: Final = Path(__file__).parent / "scripts"
_HEADER, _SETTINGS, _END = "# (header)\n", "# (settings)\n", "# (end)\n"
_SECTION: Final = re.compile(
    r"^ *# \(only (?P<kind>\w+)\)\n(?P<text>.*?)^ *# \(end (?P=kind)\)\n", re.MULTILINE | re.DOTALL
)
# Values that are written as the call that makes them.
_CALLS: Final = (PlanSpec, SolvedRow, SolvedFor, Tome)


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


def fill(
    name: str, *, header: Sequence[Sequence[str]], settings: Mapping[str, Setting], kinds: Collection[str] = ("plain",)
) -> str:
    """Fill the program ``name``.

    Args:
        name: Name of the file in `scripts/`, without `.py`.
        header: Comment at the top: paragraphs of lines, which are wrapped.
        settings: Settings by the names of the program's constants; all that scripts of these kinds have.
        kinds: Which of the sections that are only in some scripts stay.
    """
    source = (_FOLDER / f"{name}.py").read_text(encoding="utf-8")
    top, rest = source.split(_HEADER)
    imports, rest = rest.split(_SETTINGS)
    _, program = rest.split(_END)
    paragraphs = "\n#\n".join("\n".join(row for line in lines for row in comment(line)) for lines in header)
    constants = "\n".join(_setting(constant, setting) for constant, setting in settings.items())
    return _only(f"{top}{paragraphs}\n{imports}{constants}\n{program}", kinds)


def _only(source: str, kinds: Collection[str]) -> str:
    """The source without the sections of other kinds, and without the marks of all."""
    return _SECTION.sub(lambda found: found["text"] if found["kind"] in kinds else "", source)


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
    return "\n".join(_laid_out(f"{name} = ", value, indent="", end=""))


def literal(value: object) -> str:
    """Write the expression of ``value``: a string, number, None, range or plan, or a tuple or dict of them.

    >>> literal({"a": (1, 0.5)})
    '{"a": (1, 0.5)}'
    >>> literal(PlanSpec(deep="every:3", steps=20))
    'PlanSpec(deep="every:3", branch=0, forecast=Forecast.HOLD, steps=20)'
    """
    if isinstance(value, Enum):
        return str(f"{type(value).__name__}.{value.name}")
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, range) and (value.start, value.step) == (0, 1):
        return f"range({value.stop})"
    if not isinstance(value, (dict, tuple, *_CALLS)):
        return repr(value)
    opening, closing = _brackets(value)
    inner = ", ".join(prefix + literal(item) for prefix, item in _items(value))
    return f"{opening}{inner}{',' * (isinstance(value, tuple) and len(value) == 1)}{closing}"


def _laid_out(prefix: str, value: object, *, indent: str, end: str) -> list[str]:
    """The lines of a value after ``prefix``."""
    line = f"{indent}{prefix}{literal(value)}{end}"
    items = _items(value)
    if len(line) <= LINE_LENGTH or not items:
        return [line]
    opening, closing = _brackets(value)
    inner = [row for before, item in items for row in _laid_out(before, item, indent=indent + _INDENT, end=",")]
    return [f"{indent}{prefix}{opening}", *inner, f"{indent}{closing}{end}"]


def _brackets(value: object) -> tuple[str, str]:
    if isinstance(value, dict):
        return "{", "}"
    return (f"{type(value).__name__}(", ")") if isinstance(value, _CALLS) else ("(", ")")


def _items(value: object) -> list[tuple[str, object]]:
    """What a value holds, each with what stands before it."""
    if isinstance(value, dict):
        return [(f"{literal(key)}: ", item) for key, item in value.items()]
    if isinstance(value, PlanSpec):
        default = PlanSpec(deep=value.deep)
        parts = {name: getattr(value, name) for name in value.__struct_fields__}
        return [(f"{name}=", part) for name, part in parts.items() if name in _ALWAYS or part != getattr(default, name)]
    if isinstance(value, _CALLS):
        return [(f"{name}=", part) for name, part in msgspec.structs.asdict(value).items()]
    return [("", item) for item in value] if isinstance(value, tuple) else []


def _string(text: str) -> str:
    """Write a string in double quotes, unless single quotes need fewer escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join(f"\\{quote}" if sign == quote else repr(sign)[1:-1] for sign in text) + quote
