"""The record of one search: every candidate with the scores of every picture, and what it cost to find out.

`accel_bench.search.summary` computes what is printed.

Format history:
    1  first version
"""

from typing import Literal

import msgspec

from accel_bench.environment import Environment
from accel_bench.records.evaluation import Scores
from accel_bench.records.parts import BundleFacts, Doubt, PlanFacts, Workload
from accel_bench.search.goal import Goal
from accel_bench.search.times import StageTimes
from accel_runtime.backends import BackendDescription


class Tried(msgspec.Struct, frozen=True):
    """A candidate that was judged.

    Attributes:
        id: Hash of its trial.
        family: Of its deep calls: `full`, `uniform`, `power`, `solved` …
        composed_s: Seconds of one image, composed from those of its graphs.
        image_s: End to end, in the same rounds as the baseline's; only of finalists.
        scores: Of its pictures, which may be fewer than the baseline's where it was dropped early.
    """

    id: str
    family: str
    facts: PlanFacts
    composed_s: float
    image_s: tuple[float, ...]
    scores: Scores


class Asked(msgspec.Struct, frozen=True):
    """What a user chose beside the goal.

    Attributes:
        targets: What may change.
        branches: Where shallow calls may cut.
        calibration: Pictures that plans are solved with.
        trials: Of Optuna's study; None for other strategies.
        prompts: Where they come from: `built-in`, or the name of a file.
        moves: Plans with one deep call moved that are run from each promising one, by the default strategy.
    """

    strategy: str
    targets: tuple[str, ...]
    branches: tuple[int, ...]
    calibration: int
    trials: int | None
    prompts: str
    moves: int = 0


class SearchRecord(msgspec.Struct, frozen=True):
    """One run of `accel search`.

    Attributes:
        id: The start of the hash of all other fields.
        workload: Of the baseline; the batch is that of judging, times are of one image.
        prompts: Of all judged pictures, in the order of their scores.
        scorers: Versions and hashes of what scored.
        stages: The samples that times are composed of.
        calls: UNet calls of one picture each, by purpose, that the folder's results took.
        grid_calls: What judging every candidate of the grid would take.
        tried: The first is the baseline.
        chosen: Id of the candidate that meets the goal best; None where none does.
        finalists: Id of the record of their timing.
    """

    kind: Literal["search"]
    format: Literal[1]
    id: str
    started: str
    environment: Environment
    backend: BackendDescription
    bundle: BundleFacts
    workload: Workload
    goal: Goal
    asked: Asked
    prompts: tuple[str, ...]
    scorers: dict[str, str]
    stages: StageTimes
    calls: dict[str, int]
    grid_calls: dict[str, int]
    tried: tuple[Tried, ...]
    chosen: str | None
    finalists: str
    peak_rss_bytes: int
    doubts: tuple[Doubt, ...]
