"""Who draws under load: this process, or one worker for each device of a Ray cluster."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from accel_bench.cluster import open_crew
from accel_bench.scenarios.process import Job
from accel_bench.scenarios.sampling import Sampling, Turn
from accel_runtime.backends import BackendDescription

Draw: TypeAlias = Callable[[Turn], float]


@dataclass(frozen=True, slots=True)
class Team:
    """One or more workers, each of which does one turn at a time.

    Attributes:
        draws: What lets each worker do a turn and returns the seconds that it took there; each has a thread of its own.
        nodes: Where each worker is; empty for this process.
        ran: What runs the graphs.
    """

    draws: tuple[Draw, ...]
    nodes: tuple[str, ...]
    ran: BackendDescription


@contextmanager
def open_team(job: Job, *, tell: Callable[[str], None]) -> Iterator[Team]:
    """The workers of a job within the block.

    Args:
        job: The job; its `ray` is the address of a cluster, or None.
        tell: Is told of workers that are lost before the load.

    Raises:
        AccelError: The bundle cannot be run, or the cluster has fewer workers than the load asks for.
    """
    work = Sampling(
        Path(job.bundle).absolute(),
        job.digest,
        provider=job.provider,
        threads=job.threads,
        options=job.options,
        spec=job.spec,
        settings=job.settings,
        prompts=job.prompts,
    )
    if job.ray is None:
        worker = work.open_here()
        yield Team((worker.do,), (), worker.describe())
        return
    with open_crew(job.ray, work, tell=tell) as crew:
        hands = crew.hands(job.load.workers)
        yield Team(tuple(hand.do for hand in hands), tuple(hand.node for hand in hands), crew.describe())
