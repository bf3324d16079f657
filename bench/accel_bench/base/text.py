"""Shares, guided calls and numbers of calls, as users and profiles write them and tables show them."""

import re
from collections.abc import Collection

import msgspec

from accel_runtime.errors import InputError

GUIDED_CALLS = "a first and a last call such as 0-14"


def parse_share(text: str, *, option: str) -> float:
    """A share from ``5%`` or ``0.05``.

    Raises:
        InputError: The text is neither, or negative.

    >>> parse_share("5%", option="--tolerance"), parse_share("0.02", option="--tolerance")
    (0.05, 0.02)
    """
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]+)?|\.[0-9]+)(%?)", text.strip())
    if match is None:
        raise InputError(f"{option} {text!r}: expected a share such as 5% or 0.05")
    return float(match[1]) / (100 if match[2] else 1)


def parse_guided_calls(text: str) -> tuple[int, int]:
    """The first and the last guided call, counted from 0.

    Raises:
        InputError: The text is not two numbers, or the last comes before the first.

    >>> parse_guided_calls("0-14")
    (0, 14)
    """
    match = re.fullmatch(r"([0-9]{1,6})-([0-9]{1,6})", text)
    if match is None or int(match[1]) > int(match[2]):
        raise InputError(f"guided calls {text!r}: expected {GUIDED_CALLS}")
    return int(match[1]), int(match[2])


def guided_calls_text(calls: tuple[int, int]) -> str:
    """A text that `parse_guided_calls` reads.

    >>> guided_calls_text((0, 14))
    '0-14'
    """
    first, last = calls
    return f"{first}-{last}"


def deep_calls_cell(deep: float | str, calls: int, *, skipped: int) -> str:
    """Numbers of deep calls, of all calls, and of skipped ones where there are any, for a table.

    >>> deep_calls_cell(10, 50, skipped=0), deep_calls_cell(10, 50, skipped=36), deep_calls_cell(9.25, 50, skipped=0)
    ('10/50', '10/50, 36 skipped', '9.2/50')
    """
    shown = f"{deep:.1f}" if isinstance(deep, float) else deep
    return f"{shown}/{calls}" + (f", {skipped} skipped" if skipped else "")


def differences(known: msgspec.Struct, wanted: msgspec.Struct, *, hidden: Collection[str] = ()) -> str:
    """In which fields two structs of one type differ, for a message; values of ``hidden`` fields are not told."""
    names = [name for name in known.__struct_fields__ if getattr(known, name) != getattr(wanted, name)]
    told = [name for name in names if name not in hidden]
    words = [f"{name} {_shown(getattr(known, name))}, not {_shown(getattr(wanted, name))}" for name in told]
    return ", ".join([*words, *(f"other {name}" for name in names if name in hidden)])


def _shown(value: object) -> str:
    return msgspec.json.encode(value).decode() if isinstance(value, msgspec.Struct) else str(value)
