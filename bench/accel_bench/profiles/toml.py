"""Read TOML into checked values, with errors that name the key, what was expected and what was given.

msgspec finds the error; its message lacks the names of table entries, bounds, and the value that was given.
"""

import json
import re
import tomllib
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn, TypeAlias, TypeVar

import msgspec
from msgspec import inspect

from accel_runtime.base.reading import read_document
from accel_runtime.errors import InputError, first_line

T = TypeVar("T")

# The value in the message may contain anything, so the path is the last match.
_MESSAGE = re.compile(r"(?P<what>.*) - at (?P<key>`key` in )?`\$(?P<path>[^`]*)`", re.DOTALL)
_STEP = re.compile(r"\.(?P<field>[^.\[]+)|\[(?P<index>\d+)\]|(?P<entry>\[\.\.\.\])")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")
# Far larger than any profile, and small enough to search for an error.
_LARGEST = 2**19
# A key of very many parts: tomllib takes time and memory quadratic in their number.
_CHAIN = re.compile(rb"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){40}""")
_BITS = 63
_CALL = re.compile(r"0|[1-9][0-9]{0,3}")
# How the errors of `PlanSpec` begin.
_PLAN = "plan: "
# Longest value in a message.
_SHOWN = 200
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALARS = {inspect.IntType: "an int", inspect.FloatType: "a number", inspect.StrType: "a string"}
_BOUNDS = {"ge": " of {} or more", "gt": " above {}", "multiple_of": ", a multiple of {}"}


# Refuses a document before its types are looked at.
Check: TypeAlias = Callable[[dict[str, Any]], None]


def read_toml(path: Path, as_type: type[T], *, check: Check | None = None) -> T:
    """Read the TOML file at ``path`` as a value of ``as_type``.

    Raises:
        InputError: The file cannot be read, or as for `parse_toml`.
    """
    return parse_toml(read_document(path, error=InputError, limit=_LARGEST), as_type, file=str(path), check=check)


def parse_toml(raw: bytes, as_type: type[T], *, file: str, check: Check | None = None) -> T:
    """Parse the TOML document ``raw`` as a value of ``as_type``.

    Raises:
        InputError: It is not TOML, is nested too deeply, or does not fit the type; see `convert`.
    """
    if _CHAIN.search(raw):
        raise InputError(f"{file}: nested too deeply")
    try:
        document = tomllib.loads(raw.decode())
    except RecursionError:
        raise InputError(f"{file}: nested too deeply") from None
    # Besides TOML's own errors: bytes that are not UTF-8, and numbers with more digits than Python reads.
    except ValueError as error:
        raise InputError(f"{file}: expected TOML, got: {first_line(error)}") from error
    if check is not None:
        check(document)
    try:
        return convert(document, as_type, file=file)
    except RecursionError:
        raise InputError(f"{file}: nested too deeply") from None


def convert(raw: dict[str, Any], as_type: type[T], *, file: str) -> T:
    """Convert ``raw`` to a value of ``as_type``.

    Raises:
        InputError: It does not fit the type; the message names the file, the key, what was expected and what was given.
    """
    for keys, number in _numbers(raw, ()):
        if isinstance(number, int) and number.bit_length() > _BITS:
            refuse(file, keys, expected=f"a number of {_BITS} bits at most", got=f"one of {number.bit_length()}")
        if not isfinite(number):
            refuse(file, keys, expected="a finite number", got=str(number))
    try:
        return msgspec.convert(raw, as_type, str_keys=True)
    except msgspec.ValidationError as error:
        _explain(str(error), raw, as_type, file=file)


def refuse(file: str, keys: Sequence[str], *, expected: str, got: str) -> NoReturn:
    """Raise the error of a profile's value."""
    raise InputError(f"{file}: {dotted(keys)}: expected {expected}, got {got}")


def dotted(keys: Sequence[str]) -> str:
    """Write keys as TOML does.

    >>> print(dotted(("configs", "a.b", "steps")))
    configs."a.b".steps
    """
    return ".".join(key if _BARE_KEY.fullmatch(key) else show(key) for key in keys)


def suggest(name: str, known: Sequence[str]) -> str:
    """An unknown name with the nearest known one, for a message."""
    near = get_close_matches(name, known, n=1)
    return f"{show(name)}: did you mean {near[0]}?" if near else show(name)


def show(value: Any) -> str:
    """A value as TOML writes it, for a message; tables and lists are only named."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def _explain(message: str, raw: dict[str, Any], as_type: type, *, file: str) -> NoReturn:
    match = _MESSAGE.fullmatch(message)
    what, path = (match["what"], match["path"]) if match else (message, "")
    keys, value, wanted = _follow(path, message, raw, as_type=as_type)
    # A plan says itself what is wrong with it.
    if what.startswith(_PLAN):
        raise InputError(f"{file}: {dotted(keys)}.{what.removeprefix(_PLAN)}")
    if match and match["key"]:
        wrong = (name for name in value if not _CALL.fullmatch(name))
        refuse(file, keys, expected="numbers of calls as keys", got=show(next(wrong, "one that is too large")))
    if unknown := _UNKNOWN.fullmatch(what):
        known = [field.encode_name for field in _fields(resolve(wanted, value))]
        refuse(
            file, (*keys, unknown[1]), expected=f"one of the keys {', '.join(known)}", got=suggest(unknown[1], known)
        )
    if missing := _MISSING.fullmatch(what):
        refuse(file, (*keys, missing[1]), expected=describe(member(wanted, missing[1], value)), got="nothing")
    refuse(file, keys, expected=describe(wanted), got=show(value))


def _follow(
    path: str, message: str, raw: dict[str, Any], *, as_type: type
) -> tuple[tuple[str, ...], Any, inspect.Type]:
    """The keys of msgspec's path, the value at that path, and the type that it should have."""
    keys: tuple[str, ...] = ()
    value: Any = raw
    wanted: inspect.Type = inspect.type_info(as_type)
    for step in _STEP.finditer(path):
        key = step["field"] or step["index"] or _culprit(raw, keys, message, as_type=as_type)
        wanted = member(wanted, key, value)
        value = value[int(key)] if isinstance(value, list) else value[key]
        keys = (*keys, key)
        raw = _narrowed(raw, keys[:-1], kept=[key]) if step["entry"] else raw
    return keys, value, wanted


def _culprit(raw: Any, keys: tuple[str, ...], message: str, *, as_type: type) -> str:
    """The entry of the table at ``keys`` that the message is about: the first one with which the table causes it."""
    entries: Any = raw
    for key in keys:
        entries = entries[int(key)] if isinstance(entries, list) else entries[key]
    names = [*entries]

    def errs(last: int) -> bool:
        return _error(_narrowed(raw, keys, kept=names[: last + 1]), as_type) == message

    return str(names[bisect_left(range(len(names)), True, key=errs)])  # noqa: FBT003  # a value, not a switch


def _narrowed(raw: Any, keys: tuple[str, ...], *, kept: Sequence[str]) -> Any:
    """``raw`` with only the entries ``kept`` in the table at ``keys``."""
    if not keys:
        return {name: raw[name] for name in kept}
    first, *rest = keys
    if isinstance(raw, list):
        return [_narrowed(item, tuple(rest), kept=kept) if str(at) == first else item for at, item in enumerate(raw)]
    return {**raw, first: _narrowed(raw[first], tuple(rest), kept=kept)}


def _error(raw: Any, as_type: type) -> str:
    try:
        msgspec.convert(raw, as_type, str_keys=True)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def _fields(wanted: inspect.Type) -> tuple[inspect.Field, ...]:
    return wanted.fields if isinstance(wanted, inspect.StructType) else ()


def _numbers(value: Any, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], float]]:
    if isinstance(value, (int, float)):
        yield keys, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _numbers(item, (*keys, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _numbers(item, (*keys, str(place)))


def describe(wanted: inspect.Type) -> str:
    """Describe a type and its bounds in words, for the `expected` of a message."""
    match wanted:
        case inspect.IntType() | inspect.FloatType() | inspect.StrType():
            words = _SCALARS[type(wanted)] + _bounds(wanted)
        case inspect.LiteralType(values=values):
            words = _choice([str(value) for value in values])
        case inspect.EnumType(cls=cls):
            words = _choice([str(item.value) for item in cls])
        case inspect.VarTupleType(min_length=least, max_length=most):
            words = f"a list of {least} to {most}" if most else f"a list of {least} or more" if least else "a list"
        case inspect.TupleType(item_types=items):
            words = f"a list of {len(items)}"
        case inspect.UnionType(types=types):
            # An optional value is left out of the file: TOML has no null.
            words = " or ".join(dict.fromkeys(describe(kind) for kind in types if not _is_none(kind)))
        case _:
            words = "a table"
    return words


def member(wanted: inspect.Type, key: str, value: Any) -> inspect.Type:
    """The type of the member ``key`` of ``value``, which should have the type ``wanted``."""
    kind = resolve(wanted, value)
    if isinstance(wanted, inspect.UnionType) and key == _tag_field(wanted):
        return inspect.LiteralType(values=tuple(sorted(tag for tag in _by_tag(wanted) if tag)))
    if isinstance(kind, inspect.StructType):
        return next(field.type for field in kind.fields if field.encode_name == key)
    if isinstance(kind, inspect.DictType):
        return kind.value_type
    if isinstance(kind, inspect.TupleType):
        return kind.item_types[int(key)]
    assert isinstance(kind, inspect.VarTupleType)  # noqa: S101  # the schema has no other containers
    return kind.item_type


def resolve(wanted: inspect.Type, value: Any) -> inspect.Type:
    """The type of a union that ``value`` names."""
    if not isinstance(wanted, inspect.UnionType):
        return wanted
    tag = value.get(_tag_field(wanted)) if isinstance(value, dict) else None
    named = _by_tag(wanted).get(tag) if isinstance(tag, str) else None
    lists = (inspect.VarTupleType, inspect.TupleType)
    fitting = (kind for kind in wanted.types if isinstance(value, list) and isinstance(kind, lists))
    return named or next(fitting, None) or next(kind for kind in wanted.types if not _is_none(kind))


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
