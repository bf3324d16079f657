"""Time contenders against each other: a warm-up apart, then interleaved rounds A B, A B; every sample is kept."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from accel_bench.base.stats import ratios, width
from accel_bench.records.bench import ImageRun
from accel_bench.timing.contender import Contender
from accel_bench.timing.yardstick import yardstick_s
from accel_runtime.errors import InputError

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class StopRule:
    """When a measurement ends.

    Attributes:
        rounds: Least number of rounds.
        target_error: Share to which every ratio to the baseline must be known; None stops after ``rounds``.
        budget_s: Seconds after which no round beyond ``rounds`` begins.
    """

    rounds: int
    target_error: float | None = None
    budget_s: float = 600.0

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise InputError(f"rounds: expected 1 or more, got {self.rounds}")
        if self.target_error is not None and not 0 < self.target_error < 1:
            raise InputError(f"target error: expected a share between 0 and 1, such as 2%, got {self.target_error:g}")


@dataclass(eq=False)
class Measurement:
    """What `measure` finds; complete once its iterator has ended.

    Attributes:
        warm_up_s: Seconds of each warm-up, by contender.
        runs: Every drawing, by contender.
        pictures: Images of the first round, by contender. Shape: [B, H, W, 3].
        yardstick_s: Seconds of a fixed piece of work, one per round.
    """

    warm_up_s: dict[str, float] = field(default_factory=dict)
    runs: dict[str, list[ImageRun]] = field(default_factory=lambda: defaultdict(list))
    pictures: dict[str, NDArray[np.uint8]] = field(default_factory=dict)
    yardstick_s: list[float] = field(default_factory=list)


def measure(contenders: Sequence[Contender], stop: StopRule, *, into: Measurement) -> Iterator[str]:
    """Time every contender once a round, yielding the name of what was just timed.

    Args:
        contenders: What is timed, with distinct names; the baseline comes first.
        stop: How long to go on.
        into: Takes what is found as the iterator advances.
    """
    for contender in contenders:
        into.warm_up_s[contender.name] = contender.warm_up()
        yield f"warm-up {contender.name}"
    started = perf_counter()
    for round_, turn in enumerate(turns(contenders)):
        spent = perf_counter() - started
        if round_ >= stop.rounds and (spent > stop.budget_s or _is_precise(contenders, stop, into=into)):
            return
        into.yardstick_s.append(yardstick_s())
        for contender in turn:
            drawn = contender.draw()
            into.runs[contender.name].append(drawn.run)
            into.pictures.setdefault(contender.name, drawn.images)
            yield contender.name


def turns(items: Sequence[Item]) -> Iterator[tuple[Item, ...]]:
    """Endless rounds of items. Each round starts one item later, so that no item always follows the same other.

    >>> [next(found) for found in [turns("abc")] for _ in range(3)]
    [('a', 'b', 'c'), ('b', 'c', 'a'), ('c', 'a', 'b')]
    """
    round_ = 0
    while True:
        turn = round_ % len(items)
        yield (*items[turn:], *items[:turn])
        round_ += 1


def _is_precise(contenders: Sequence[Contender], stop: StopRule, *, into: Measurement) -> bool:
    if stop.target_error is None:
        return True
    baseline, *others = ([run.seconds for run in into.runs[each.name]] for each in contenders)
    measured = [ratios(baseline, other) for other in others] or [baseline]
    return all(width(values) <= stop.target_error for values in measured)
