"""Which calls run the whole UNet: the one place that reads and writes `every:3`.

| text | deep calls |
|---|---|
| `full` | all |
| `every:3` | 0, 3, 6 … (the 1:N rule of DeepCache, arXiv:2312.00858) |
| `calls:0,3,7` | these |

Calls are counted from 0. They are not steps: PNDM and Heun have more calls than steps.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias

from msgspec import Meta

from accel_runtime.errors import InputError
from accel_runtime.request import MOST_STEPS

# No scheduler makes more UNet calls of a step.
CALLS_OF_STEP: Final = 2
MOST_CALLS: Final = CALLS_OF_STEP * MOST_STEPS
CallNumber = Annotated[int, Meta(ge=0, lt=MOST_CALLS)]

# A rule (`full` or `every:N`) or the numbers of the calls, ascending.
DeepCalls: TypeAlias = str | tuple[CallNumber, ...]

FULL: Final = "full"
DEEP_CALLS_EXPECTED: Final = "full, every:N with N ≥ 1, or calls:0,3,7"

_EVERY = re.compile(r"every:([1-9][0-9]{0,5})")
_CALLS = re.compile(r"calls:( *[0-9]{1,6} *(?:, *[0-9]{1,6} *)*)")


def parse_deep_calls(text: str) -> DeepCalls:
    """Read the short text that users write.

    Raises:
        InputError: The text is none of `full`, `every:N` and `calls:0,3,7`.

    >>> parse_deep_calls("every:3"), parse_deep_calls("calls:7,0,3")
    ('every:3', (0, 3, 7))
    """
    if interval(text) is not None:
        return text
    if match := _CALLS.fullmatch(text):
        return tuple(sorted({int(part) for part in match[1].split(",")}))
    raise InputError(f"plan {text!r}: expected {DEEP_CALLS_EXPECTED}")


def deep_calls_text(deep: DeepCalls) -> str:
    """Write what `parse_deep_calls` reads.

    >>> deep_calls_text((0, 3, 7))
    'calls:0,3,7'
    """
    return deep if isinstance(deep, str) else "calls:" + ",".join(map(str, deep))


def interval(deep: DeepCalls) -> int | None:
    """The distance between deep calls of a rule: 1 for `full`, N for `every:N`; None for numbers or other text.

    >>> interval("full"), interval("every:3"), interval((0, 3, 7))
    (1, 3, None)
    """
    if not isinstance(deep, str):
        return None
    if deep == FULL:
        return 1
    match = _EVERY.fullmatch(deep)
    return int(match[1]) if match else None


def deep_numbers(deep: DeepCalls, calls: int) -> tuple[int, ...]:
    """The numbers of the deep calls in a schedule of so many UNet calls.

    Raises:
        InputError: The rule means nothing, or a number is no call of the schedule.

    >>> deep_numbers("every:3", 7)
    (0, 3, 6)
    """
    if isinstance(deep, str):
        step = interval(deep)
        if step is None:
            raise InputError(f"plan {deep!r}: expected {DEEP_CALLS_EXPECTED}")
        return tuple(range(0, calls, step))
    if outside := [call for call in deep if not 0 <= call < calls]:
        raise InputError(f"plan: deep call {outside[0]} is outside 0…{calls - 1}")
    return deep


def shortest_deep_calls(numbers: Sequence[int], calls: int) -> DeepCalls:
    """The rule that has these deep calls in a schedule of so many UNet calls, or the numbers where none has.

    >>> shortest_deep_calls((0, 3, 6), 9), shortest_deep_calls((0, 4, 6), 9), shortest_deep_calls((0, 1, 2), 3)
    ('every:3', (0, 4, 6), 'full')
    """
    if len(numbers) == calls:
        return FULL
    if len(numbers) > 1 and tuple(numbers) == tuple(range(0, calls, numbers[1])):
        return f"every:{numbers[1]}"
    return tuple(numbers)
