"""The record of one benchmark run: what was run, where, and every raw time.

Only raw samples are stored; `accel_bench.summary` computes what is printed.

Format history:
    1  first version
"""

from typing import Literal

import msgspec

from accel_bench.environment import Environment
from accel_runtime.backends import BackendDescription


class Config(msgspec.Struct, frozen=True):
    """What every plan of a run has in common."""

    scheduler: str
    steps: int
    guidance: float
    height: int
    width: int
    batch: int
    prompt: str
    seed: int
    rounds: int


class PlanRun(msgspec.Struct, frozen=True):
    """One plan, timed once per round.

    Attributes:
        name: As the user wrote it, such as `every:3`.
        branch: Where its shallow calls cut; None where all calls are deep.
        forecast: How its features are made.
        calls: UNet calls.
        deep_calls: Their numbers, counted from 0.
        image_s: End to end, prompt to pixels, one per round.
        loop_s: The denoising loop alone, one per round.
        graph_s: By round, then graph: seconds of each run in order.
    """

    name: str
    branch: int | None
    forecast: str
    calls: int
    deep_calls: tuple[int, ...]
    image_s: tuple[float, ...]
    loop_s: tuple[float, ...]
    graph_s: tuple[dict[str, tuple[float, ...]], ...]


class BundleFacts(msgspec.Struct, frozen=True):
    """What was measured.

    Attributes:
        digest: Names the bundle by content.
        source: Where the pipeline came from.
        weights: Of `random` ones only the timings mean something.
        flops: By graph, of one call at batch 1 and the model's own size.
    """

    digest: str
    source: str
    weights: str
    sample_size: tuple[int, int]
    flops: dict[str, int]


class RunRecord(msgspec.Struct, frozen=True):
    """One run of `accel bench`.

    Attributes:
        warm_up_s: By plan, a two-call image that loads and warms its graphs; in no statistic.
        plans: The first is the baseline, with every call deep.
    """

    format: Literal[1]
    started: str
    environment: Environment
    backend: BackendDescription
    bundle: BundleFacts
    config: Config
    warm_up_s: dict[str, float]
    plans: tuple[PlanRun, ...]
    peak_rss_bytes: int
