"""Values as Python source, laid out as ruff's formatter lays them out."""

from typing import Final

LINE_LENGTH: Final = 88
_INDENT: Final = "    "


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
