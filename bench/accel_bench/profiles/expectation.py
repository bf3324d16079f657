"""What a type expects, in words: the `expected` of an error line."""

from typing import Any

from msgspec import inspect

_SCALARS = {inspect.IntType: "an int", inspect.FloatType: "a number", inspect.StrType: "a string"}
_BOUNDS = {"ge": " of {} or more", "gt": " above {}", "multiple_of": ", a multiple of {}"}


def describe(wanted: inspect.Type) -> str:
    """A type in words, with its bounds."""
    match wanted:
        case inspect.IntType() | inspect.FloatType() | inspect.StrType():
            words = _SCALARS[type(wanted)] + _bounds(wanted)
        case inspect.LiteralType(values=values):
            words = _choice([str(value) for value in values])
        case inspect.EnumType(cls=cls):
            words = _choice([str(item.value) for item in cls])
        case inspect.VarTupleType(min_length=least):
            words = f"a list of {least} or more" if least else "a list"
        case inspect.UnionType(types=types):
            # What may be left out is left out, not written as null, which TOML lacks.
            words = " or ".join(dict.fromkeys(describe(kind) for kind in types if not _is_none(kind)))
        case _:
            words = "a table"
    return words


def member(wanted: inspect.Type, key: str, value: Any) -> inspect.Type:
    """The type of what lies under ``key`` of ``value``, which should be of type ``wanted``."""
    kind = resolve(wanted, value)
    if isinstance(wanted, inspect.UnionType) and key == _tag_field(wanted):
        return inspect.LiteralType(values=tuple(sorted(tag for tag in _by_tag(wanted) if tag)))
    if isinstance(kind, inspect.StructType):
        return next(field.type for field in kind.fields if field.encode_name == key)
    if isinstance(kind, inspect.DictType):
        return kind.value_type
    assert isinstance(kind, inspect.VarTupleType)  # noqa: S101  # the schema has no other containers
    return kind.item_type


def resolve(wanted: inspect.Type, value: Any) -> inspect.Type:
    """The one of a union's types that ``value`` says it is of."""
    if not isinstance(wanted, inspect.UnionType):
        return wanted
    tag = value.get(_tag_field(wanted)) if isinstance(value, dict) else None
    named = _by_tag(wanted).get(tag) if isinstance(tag, str) else None
    return named or next(kind for kind in wanted.types if not _is_none(kind))


def _by_tag(union: inspect.UnionType) -> dict[Any, inspect.Type]:
    return {kind.tag: kind for kind in union.types if isinstance(kind, inspect.StructType)}


def _tag_field(union: inspect.UnionType) -> str | None:
    return next((kind.tag_field for kind in union.types if isinstance(kind, inspect.StructType)), None)


def _is_none(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.NoneType)


def _choice(values: list[str]) -> str:
    return f"one of {', '.join(values)}" if len(values) > 1 else values[0]


def _bounds(wanted: inspect.Type) -> str:
    given = {name: bound for name in ("ge", "le", *_BOUNDS) if (bound := getattr(wanted, name, None)) is not None}
    words = f" of {given.pop('ge'):g} to {given.pop('le'):g}" if {"ge", "le"} <= given.keys() else ""
    return words + "".join(text.format(f"{given[name]:g}") for name, text in _BOUNDS.items() if name in given)
