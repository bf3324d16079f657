"""The calls that are guided, as users and profiles write them."""

import re

from accel_runtime.errors import InputError

GUIDED_CALLS = "a first and a last call such as 0-14"


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
    """Write what `parse_guided_calls` reads.

    >>> guided_calls_text((0, 14))
    '0-14'
    """
    first, last = calls
    return f"{first}-{last}"
