"""The record of one run of `accel bench scenario`: what MLPerf's load generator asked, and when it was answered.

Format history:
    1  first version
"""

from enum import StrEnum
from typing import Literal

import msgspec

from accel_bench.environment import Environment
from accel_bench.records.parts import BundleFacts, Doubt, PlanFacts, Workload
from accel_runtime.backends import BackendDescription


class Scenario(StrEnum):
    """How MLPerf's load generator asks."""

    SINGLE_STREAM = "single-stream"
    OFFLINE = "offline"
    SERVER = "server"


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
    queries: int
    duration_s: float
    batch: int
    qps: float | None
    latency_bound_s: float | None
    percentile: float | None


class Query(msgspec.Struct, frozen=True, array_like=True):
    """One sample asked for and drawn.

    Attributes:
        sample: Its number: the prompt, and what is added to the seed.
        asked_s: When it came to us, since the first one came.
        begun_s: When its batch was begun.
        ended_s: When its picture was done.
        batch: Counts the batches.
    """

    sample: int
    asked_s: float
    begun_s: float
    ended_s: float
    batch: int


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
    warm_up_s: dict[str, float]
    alone_s: tuple[float, ...]
    queries: tuple[Query, ...]
    results: dict[str, str | int | float | bool]
    summary: str
    peak_rss_bytes: int


class ScenarioRecord(msgspec.Struct, frozen=True):
    """One run of `accel bench scenario`.

    Attributes:
        id: The start of the hash of all other fields.
        loadgen: Version of MLPerf's load generator.
        workload: Its batch is the largest of all runs; sample i draws its noise from `seed + i`.
        prompts: By sample.
        runs: One after another, each in a process of its own; the plan with every call deep first.
        doubts: What was noticed while measuring; those that follow from samples are computed.
    """

    kind: Literal["scenario"]
    format: Literal[1]
    id: str
    started: str
    environment: Environment
    backend: BackendDescription
    bundle: BundleFacts
    loadgen: str
    workload: Workload
    prompts: tuple[str, ...]
    runs: tuple[ScenarioRun, ...]
    doubts: tuple[Doubt, ...]
