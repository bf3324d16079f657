"""What a search tries, and what it is told of it."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

import msgspec

from accel_bench.plans.trial import BASELINE, Trial
from accel_bench.quality.loss import Quality

_ID_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Candidate:
    """A trial, and the family that its deep calls are of, such as `uniform`, `power` or `solved`."""

    family: str
    trial: Trial

    @property
    def id(self) -> str:
        """The hash of the trial: the same plan is the same candidate, whoever thought of it."""
        return sha256(msgspec.json.encode(self.trial)).hexdigest()[:_ID_LENGTH]


FULL = Candidate("full", BASELINE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a candidate.

    Attributes:
        seconds: Of one image, composed from the times of its graphs.
        quality: Over the batches that were asked for.
    """

    candidate: Candidate
    seconds: float
    quality: Quality


@dataclass(frozen=True, slots=True)
class Ask:
    """Judge candidates on the first ``batches`` batches of prompts."""

    candidates: tuple[Candidate, ...]
    batches: int


# Yields what it wants to know, and is sent an answer for each candidate, in order.
Strategy: TypeAlias = Generator[Ask, Sequence[Answer], None]
# A part of a strategy that returns what it found.
Round: TypeAlias = Generator[Ask, Sequence[Answer], list[Answer]]


def distinct(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Each trial once; the first that thought of it gives its family."""
    return tuple({each.id: each for each in reversed(candidates)}.values())[::-1]
