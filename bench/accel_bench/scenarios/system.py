"""The system under test: samples wait in a queue, and workers draw them in batches."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Condition
from time import perf_counter

from accel_bench.plans.workload import as_taken
from accel_bench.records.scenario import Query
from accel_runtime.pipeline import Pipeline
from accel_runtime.plans.plan import Plan
from accel_runtime.request import Request


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Draws numbered samples with one plan.

    Attributes:
        pipeline: What draws.
        plan: The plan.
        warm_up_plan: A short plan that runs each graph of ``plan``.
        prompts: Prompt of each sample; see `as_taken` for models that take none, or more.
        seed: Sample i draws its noise from ``seed + i``, whatever other samples its batch holds.
    """

    pipeline: Pipeline
    plan: Plan
    warm_up_plan: Plan
    prompts: tuple[str, ...]
    seed: int

    def draw(self, samples: Sequence[int]) -> float:
        """Draw samples together and return the seconds; their prompts are encoded anew."""
        return self._draw(samples, self.plan)

    def warm_up(self, samples: Sequence[int]) -> float:
        """Load each graph, run it on samples together, and return the seconds."""
        return self._draw(samples, self.warm_up_plan)

    def _draw(self, samples: Sequence[int], plan: Plan) -> float:
        request = Request(
            prompts=tuple(self.prompts[sample] for sample in samples),
            seeds=tuple(self.seed + sample for sample in samples),
        )
        taken = as_taken(request, self.pipeline.bundle.manifest)
        started = perf_counter()
        self.pipeline.forget_prompts()
        self.pipeline.generate(taken, plan)
        return perf_counter() - started


@dataclass(frozen=True, slots=True)
class Ticket:
    """A sample that was asked for.

    Attributes:
        key: Key to answer it by.
        sample: Number of the sample.
        asked: Time of its arrival, in seconds of `perf_counter`.
    """

    key: int
    sample: int
    asked: float


@dataclass(eq=False)
class Batcher:
    """A queue of samples that workers take in batches: all that wait, up to ``batch``; they never wait for more.

    Attributes:
        batch: Most samples of a batch.
        first: When the first sample came, in seconds of `perf_counter`.
    """

    batch: int
    first: float | None = None
    _waiting: deque[Ticket] = field(default_factory=deque)
    _changed: Condition = field(default_factory=Condition)
    _closed: bool = False
    _taken: int = 0

    def add(self, samples: Sequence[tuple[int, int]]) -> None:
        """Queue samples, each a key and a number; a quick worker cannot separate those of one call."""
        now = perf_counter()
        with self._changed:
            self.first = now if self.first is None else self.first
            self._waiting.extend(Ticket(key, sample, now) for key, sample in samples)
            self._changed.notify_all()

    def close(self) -> None:
        """Say that no more samples come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def batches(self) -> Iterator[tuple[int, tuple[Ticket, ...]]]:
        """The batches with their numbers, until the queue is closed and empty; each goes to one of those who ask."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                taken = tuple(self._waiting.popleft() for _ in range(min(self.batch, len(self._waiting))))
                number, self._taken = self._taken, self._taken + 1
            yield number, taken


def serve(
    batcher: Batcher,
    *,
    draw: Callable[[Sequence[int]], object],
    answer: Callable[[Sequence[int]], None],
    worker: int = 0,
) -> Iterator[tuple[Query, ...]]:
    """Draw what waits in ``batcher`` batch by batch, yielding each batch once it is answered.

    Args:
        batcher: Queue that another thread fills.
        draw: Draws the pictures of samples.
        answer: Called with keys; each key is answered once.
        worker: Number of the worker that draws here, for the queries.
    """
    for number, tickets in batcher.batches():
        begun = perf_counter()
        draw([ticket.sample for ticket in tickets])
        ended = perf_counter()
        answer([ticket.key for ticket in tickets])
        first = batcher.first or begun
        times = begun - first, ended - first
        yield tuple(Query(each.sample, each.asked - first, *times, number, worker) for each in tickets)
