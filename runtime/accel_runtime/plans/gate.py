"""From which call on the text steers no more (T-GATE, arXiv:2404.02747).

docs/design/0029-gated-calls.md says why it is so.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final

from msgspec import UNSET, Meta, UnsetType

from accel_runtime.errors import InputError
from accel_runtime.manifest import Gate
from accel_runtime.plans.deep_calls import MOST_CALLS

# The first gated call. Call 0 keeps what later ones take.
FirstGated = Annotated[int, Meta(ge=1, lt=MOST_CALLS)]

NO_GATE: Final = "none"
_NUMBER: Final = re.compile(r"[0-9]{1,6}")


def parse_gate(text: str) -> int | UnsetType:
    """The first gated call from what a user wrote; `none` gates none.

    Raises:
        InputError: It is neither that nor the number of a call.

    >>> parse_gate("10"), parse_gate("none")
    (10, UNSET)
    """
    if text == NO_GATE:
        return UNSET
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) < MOST_CALLS:
        raise InputError(f"tgate {text!r}: expected the number of the first gated call, from 1 on, or {NO_GATE}")
    return int(text)


def gate_of(call: int, first_gated: int | UnsetType, *, deep_calls: Sequence[int]) -> Gate:
    """What becomes of the cross-attentions of a call.

    Args:
        call: The call.
        first_gated: See `FirstGated`; UNSET where none is.
        deep_calls: All deep calls, ascending; the last one before the gate keeps.

    >>> [gate_of(call, 3, deep_calls=(0, 2, 4)) for call in range(5)]
    ['open', 'open', 'keeps', 'gated', 'gated']
    """
    if isinstance(first_gated, UnsetType):
        return "open"
    if call >= first_gated:
        return "gated"
    return "keeps" if call == max(deep for deep in deep_calls if deep < first_gated) else "open"


def gate_problems(
    first_gated: int, guided_calls: tuple[int, int] | None, *, parts: Mapping[str, object]
) -> Iterator[str]:
    """What is wrong with a gate beside the other keys of a plan, each in a line.

    Args:
        first_gated: The first gated call.
        guided_calls: The plan's, of which none is gated.
        parts: Keys that a gate cannot stand beside, with what the plan has there.
    """
    yield from (f"tgate: expected no {name} beside it, got one" for name, part in parts.items() if part)
    if guided_calls is not None and guided_calls[1] >= first_gated:
        yield f"tgate: expected guided calls before {first_gated} alone beside it, got them up to {guided_calls[1]}"
