"""Which share of its tokens a call merges in its largest self-attentions (ToMe, arXiv:2303.17604).

docs/design/0027-rules-and-forms.md says why it is so.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from accel_runtime.errors import InputError
from accel_runtime.manifest import MOST_MERGED
from accel_runtime.plans.deep_calls import CallNumber

# 0 merges none.
Share = Annotated[float, Meta(ge=0, le=MOST_MERGED)]


class Tome(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The shares of a plan; a bundle has graphs for some shares.

    Attributes:
        ratio: Share of every call.
        calls: Shares of single calls, where they differ from ``ratio``.
    """

    ratio: Share
    calls: Mapping[CallNumber, Share] = {}

    def __post_init__(self) -> None:
        # Equal plans are equal documents, whatever the order in which calls were given.
        msgspec.structs.force_setattr(self, "calls", dict(sorted(self.calls.items())))

    def __hash__(self) -> int:
        """Hash of all parts; the default one cannot hash a mapping."""
        return hash((self.ratio, tuple(self.calls.items())))

    def of(self, call: int) -> float:
        """The share that a call merges."""
        return self.calls.get(call, self.ratio)

    @property
    def ratios(self) -> tuple[float, ...]:
        """Every share that some call may merge, ascending."""
        return tuple(sorted({self.ratio, *self.calls.values()} - {0.0}))


def parse_tome(text: str) -> float:
    """A share of tokens from what a user wrote; 0 merges none.

    Raises:
        InputError: It is no number from 0 to 0.75.

    >>> parse_tome("0.5")
    0.5
    """
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1.0
    if not 0 <= ratio <= MOST_MERGED:
        raise InputError(f"tome {text!r}: expected the share of the tokens to merge, 0 to {MOST_MERGED:g}, such as 0.5")
    return ratio


def tome_problems(tome: Tome) -> Iterator[str]:
    """What is wrong with the shares of a plan, each in a line."""
    if not tome.ratios:
        yield "tome: expected a share above 0 for some call, got none: leave the key out"
    if same := [call for call, ratio in tome.calls.items() if ratio == tome.ratio]:
        yield f"tome.calls.{same[0]}: expected another share than that of all calls, got {tome.ratio:g} again"
