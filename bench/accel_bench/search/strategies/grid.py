"""Everything, on all prompts: what other strategies are measured against."""

from accel_bench.search.space import Ask, Proposer, Space, distinct


def grid(space: Space, *, batches: int) -> Proposer:
    """Judge every candidate of the space on all batches."""
    yield Ask(distinct(list(space.grid())), batches)
