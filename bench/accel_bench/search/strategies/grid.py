"""Everything, on all prompts: what other strategies are measured against."""

from accel_bench.search.candidate import Ask, Strategy, distinct
from accel_bench.search.space import Space


def grid(space: Space, *, batches: int) -> Strategy:
    """Judge every candidate of the space on all batches."""
    yield Ask(distinct(list(space.grid())), batches)
