"""The record of one run of `accel bench scenario`: what MLPerf's load generator asked, and when it was answered.

Format history:
    1  first version
"""

from enum import StrEnum
from typing import Annotated, Final, Literal

import msgspec

from accel_bench.records.bounds import Batch, Count, Elapsed, Many, Rate, Seconds, Share, check
from accel_bench.records.head import RecordHead
from accel_bench.records.parts import Doubt, PlanFacts


class Scenario(StrEnum):
    """How MLPerf's load generator asks."""

    SINGLE_STREAM = "single-stream"
    OFFLINE = "offline"
    SERVER = "server"


PERCENTILES: Final = (50, 90, 99)
# By scenario, the load generator's key of images a second.
RATES: Final = {
    Scenario.SINGLE_STREAM: "result_qps_without_loadgen_overhead",
    Scenario.OFFLINE: "result_samples_per_second",
    Scenario.SERVER: "result_completed_samples_per_sec",
}
_MOST: Final = 1e18


def latency_key(share: int) -> str:
    """The load generator's key of the latency, in nanoseconds, that this percentage of queries keeps."""
    return f"result_{share}.00_percentile_latency_ns"


class Load(msgspec.Struct, frozen=True):
    """What the load generator was told.

    Attributes:
        queries: How many samples it asks for at least.
        duration_s: How long it goes on asking at least.
        batch: How many samples are drawn together at most.
        qps: Of the server's Poisson arrivals, per second; None in the other scenarios.
        latency_bound_s: Of the server: how soon a query must be answered; None in the others.
        percentile: The share of the server's queries that must be; None in the others.
    """

    scenario: Scenario
    queries: Count
    duration_s: Elapsed
    batch: Batch
    qps: Rate | None
    latency_bound_s: Seconds | None
    percentile: Share | None

    def __post_init__(self) -> None:
        bound = (self.latency_bound_s is not None, self.percentile is not None)
        check(set(bound) == {self.scenario is Scenario.SERVER}, "a latency bound and a percentile of servers alone")


class Query(msgspec.Struct, frozen=True, array_like=True):
    """One sample asked for and drawn.

    Attributes:
        sample: Its number: the prompt, and what is added to the seed.
        asked_s: When it came to us, since the first one came.
        begun_s: When its batch was begun.
        ended_s: When its picture was done.
        batch: Counts the batches.
    """

    sample: Count
    asked_s: Elapsed
    begun_s: Elapsed
    ended_s: Elapsed
    batch: Count


class ScenarioRun(msgspec.Struct, frozen=True):
    """One plan under one load.

    Attributes:
        warm_up_s: By batch size, a short drawing that loads and warms the graphs; in no statistic.
        alone_s: Seconds of single images before the load; they set the rate where that is left to us.
        queries: In the order in which they were answered.
        results: All that the load generator's detailed log says of the result, by its own keys.
        summary: The load generator's summary, as it wrote it.
    """

    facts: PlanFacts
    load: Load
    warm_up_s: dict[str, Elapsed]
    alone_s: tuple[Seconds, ...]
    queries: Annotated[tuple[Query, ...], Many]
    results: dict[str, str | int | float | bool]
    summary: str
    peak_rss_bytes: Count

    def __post_init__(self) -> None:
        for key in (RATES[self.load.scenario], *map(latency_key, PERCENTILES)):
            value = self.results.get(key)
            check(isinstance(value, (int, float)) and 0 < value < _MOST, f"a number above 0 as the result {key}")


class ScenarioRecord(RecordHead, frozen=True, kw_only=True):
    """One run of `accel bench scenario`.

    Attributes:
        loadgen: Version of MLPerf's load generator.
        workload: Its batch is the largest of all runs; sample i draws its noise from `seed + i`.
        prompts: By sample.
        runs: One after another, each in a process of its own; the plan with every call deep first.
        doubts: What was noticed while measuring; those that follow from samples are computed.
    """

    kind: Literal["scenario"]
    format: Literal[1]
    loadgen: str
    prompts: tuple[str, ...]
    runs: Annotated[tuple[ScenarioRun, ...], Many]
    doubts: tuple[Doubt, ...]
