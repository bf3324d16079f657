"""The record of one run of `accel bench scenario`: the queries of MLPerf's load generator and their answers.

Format history:
    1  first version
    2  plans as in plan files; `accel_bench.records.older` reads format 1
"""

from enum import StrEnum
from typing import Annotated, Final, Literal

import msgspec

from accel_bench.records.bounds import Batch, Count, Elapsed, Many, Rate, Seconds, Share, Workers, check
from accel_bench.records.head import RecordHead
from accel_bench.records.parts import Doubt, PlanFacts


class Scenario(StrEnum):
    """A way in which MLPerf's load generator asks."""

    SINGLE_STREAM = "single-stream"
    OFFLINE = "offline"
    SERVER = "server"


PERCENTILES: Final = (50, 90, 99)
# The load generator's key of images per second, by scenario.
RATES: Final = {
    Scenario.SINGLE_STREAM: "result_qps_without_loadgen_overhead",
    Scenario.OFFLINE: "result_samples_per_second",
    Scenario.SERVER: "result_completed_samples_per_sec",
}
_MOST: Final = 1e18


def latency_key(share: int) -> str:
    """The load generator's key of the latency in nanoseconds that this percentage of queries keeps."""
    return f"result_{share}.00_percentile_latency_ns"


class Load(msgspec.Struct, frozen=True):
    """The settings of the load generator.

    Attributes:
        scenario: Way of asking.
        queries: Least number of samples that it asks for.
        duration_s: Least seconds that it goes on asking.
        batch: Most samples that are drawn together.
        qps: Queries per second that arrive at a server, as a Poisson process; None in the other scenarios.
        latency_bound_s: Seconds within which a server must answer; None in the other scenarios.
        percentile: Share of queries that a server must answer in time; None in the other scenarios.
        workers: How many workers of a Ray cluster draw; None for one process that draws by itself.
    """

    scenario: Scenario
    queries: Count
    duration_s: Elapsed
    batch: Batch
    qps: Rate | None
    latency_bound_s: Seconds | None
    percentile: Share | None
    workers: Workers | None = None

    def __post_init__(self) -> None:
        bound = (self.latency_bound_s is not None, self.percentile is not None)
        check(set(bound) == {self.scenario is Scenario.SERVER}, "a latency bound and a percentile of servers alone")


class Query(msgspec.Struct, frozen=True, array_like=True):
    """A sample that was asked for and drawn; times are seconds since the first sample was asked for.

    Attributes:
        sample: Number of the sample, which gives its prompt and is added to the seed.
        asked_s: Time at which it was asked for.
        begun_s: Time at which its batch was begun.
        ended_s: Time at which its picture was done.
        batch: Number of its batch.
        worker: Number of the worker that drew it.
    """

    sample: Count
    asked_s: Elapsed
    begun_s: Elapsed
    ended_s: Elapsed
    batch: Count
    worker: Count = 0


class ScenarioRun(msgspec.Struct, frozen=True):
    """One plan under one load.

    Attributes:
        facts: The plan.
        load: The load.
        warm_up_s: Seconds of a short drawing that loads and warms the graphs, by batch size; in no statistic.
        alone_s: Seconds of single images before the load; they set the rate where none was asked for.
        queries: Queries in the order of their answers.
        results: Results in the load generator's detailed log, by its own keys.
        summary: Summary of the load generator, as it wrote it.
        peak_rss_bytes: Peak memory of the process that asks, which is also the one that draws where ``nodes`` is empty.
        nodes: The node of each worker of a Ray cluster.
    """

    facts: PlanFacts
    load: Load
    warm_up_s: dict[str, Elapsed]
    alone_s: tuple[Seconds, ...]
    queries: Annotated[tuple[Query, ...], Many]
    results: dict[str, str | int | float | bool]
    summary: str
    peak_rss_bytes: Count
    nodes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check(len(self.nodes) == (self.load.workers or 0), "a node for each worker")
        check(all(query.worker < max(1, len(self.nodes)) for query in self.queries), "queries of these workers")
        for key in (RATES[self.load.scenario], *map(latency_key, PERCENTILES)):
            value = self.results.get(key)
            check(isinstance(value, (int, float)) and 0 < value < _MOST, f"a number above 0 as the result {key}")


class ScenarioRecord(RecordHead, frozen=True, kw_only=True):
    """One run of `accel bench scenario`.

    Attributes:
        loadgen: Version of MLPerf's load generator.
        prompts: Prompt of each sample.
        runs: Runs one after another, each in a process of its own; the plan with every call deep is first. The
            workload's batch is the largest of all runs.
        doubts: Doubts noted while measuring; those that samples show are computed.
    """

    kind: Literal["scenario"]
    format: Literal[2]
    loadgen: str
    prompts: tuple[str, ...]
    runs: Annotated[tuple[ScenarioRun, ...], Many]
    doubts: tuple[Doubt, ...]
