"""Bounds of the figures in records. Files of others are read within them, so that readers meet no other values."""

from typing import Annotated

from msgspec import Meta

from accel_runtime.manifest import LONGEST_SIDE
from accel_runtime.plans.deep_calls import MOST_CALLS
from accel_runtime.plans.plan import MOST_GUIDANCE
from accel_runtime.request import MOST_IMAGES

# A year, and less than any clock resolves; the ratio of two values in between is always a finite number.
_LONGEST_S, _SHORTEST_S = 3.2e7, 1e-9

Seconds = Annotated[float, Meta(ge=_SHORTEST_S, le=_LONGEST_S)]
Load = Annotated[float, Meta(ge=0, le=1e6)]
Elapsed = Annotated[float, Meta(ge=0, le=_LONGEST_S)]
Count = Annotated[int, Meta(ge=0, le=2**62)]
Share = Annotated[float, Meta(gt=0, lt=1)]
Rate = Annotated[float, Meta(gt=1e-9, le=1e24)]
# Counters may start again, so a difference may be negative.
Energy = Annotated[float, Meta(ge=-1e12, le=1e12)]
Calls = Annotated[int, Meta(ge=1, le=MOST_CALLS)]
Batch = Annotated[int, Meta(ge=1, le=MOST_IMAGES)]
MOST_WORKERS = 10**5
Workers = Annotated[int, Meta(ge=1, le=MOST_WORKERS)]
Side = Annotated[int, Meta(ge=1, le=LONGEST_SIDE)]
Guidance = Annotated[float, Meta(ge=-MOST_GUIDANCE, le=MOST_GUIDANCE)]
# For eight bits a channel.
SquaredError = Annotated[float, Meta(ge=0, le=255.0**2)]
Similarity = Annotated[float, Meta(ge=-1.001, le=1.001)]
Distance = Annotated[float, Meta(ge=0, le=1e3)]
Cosine100 = Annotated[float, Meta(ge=-100.1, le=100.1)]
Part = Annotated[float, Meta(ge=0, le=1)]
# A mean score below this is taken as none; no share of it can be lost.
LEAST_SCORE = 1e-9

Many = Meta(min_length=1)


def check(holds: object, expected: str) -> None:
    """Refuse parts of a record that contradict each other.

    Raises:
        ValueError: ``holds`` is false; msgspec adds the place in the record.
    """
    if not holds:
        raise ValueError(f"expected {expected}")
