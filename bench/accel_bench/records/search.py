"""The record of one search: every candidate with the scores of every picture, and what it cost to find out.

`accel_bench.search.summary` computes what is printed.

Format history:
    1  first version
"""

from enum import StrEnum
from math import inf
from typing import Annotated, Literal

import msgspec

from accel_bench.records.bounds import Branch, Count, Elapsed, Many, Seconds, check
from accel_bench.records.evaluation import Scores
from accel_bench.records.head import RecordHead
from accel_bench.records.parts import Doubt, PlanFacts
from accel_runtime.errors import InputError


class Score(StrEnum):
    """What a loss is of. The first two score a picture against its prompt, the others against the baseline's."""

    EMOJI_CLIP = "emoji-clip"
    CLIP = "clip"
    PSNR = "psnr"
    SSIM = "ssim"
    FEATURE = "feature"


class Goal(msgspec.Struct, frozen=True):
    """Bounds; those that are None do not bind.

    Without a bound on speed, the fastest candidate within the others is wanted; with one, the candidate that changes
    the pictures least.

    Attributes:
        score: What the loss is of.
        max_loss: (S_base - S) / S_base at most.
        speedup: T_base / T at least.
        seconds: Of one image, at most.
        min_psnr: In dB, against the baseline's pictures.
        max_feature_distance: From them.
    """

    score: Score
    max_loss: float | None = None
    speedup: float | None = None
    seconds: float | None = None
    min_psnr: float | None = None
    max_feature_distance: float | None = None

    def __post_init__(self) -> None:
        if self.speedup is not None and self.seconds is not None:
            raise InputError("--req-speedup and --req-time: expected one of them, got both")
        bounds = (("--req-speedup", self.speedup), ("--req-time", self.seconds), ("--min-psnr", self.min_psnr))
        for option, value in bounds:
            if value is not None and not value > 0:
                raise InputError(f"{option}: expected a number above 0, got {value:g}")
        if self.max_loss is not None and not -1 <= self.max_loss <= 1:
            raise InputError(f"--req-score-loss: expected a share such as 0.05, got {self.max_loss:g}")
        if self.max_feature_distance is not None and not self.max_feature_distance >= 0:
            raise InputError(f"--max-feature-distance: expected 0 or more, got {self.max_feature_distance:g}")

    @property
    def bounds_speed(self) -> bool:
        """Whether some speed is required."""
        return self.speedup is not None or self.seconds is not None

    def slowest(self, baseline_s: float) -> float:
        """The most seconds that an image may take; infinite where speed is not bounded."""
        if self.seconds is not None:
            return self.seconds
        return inf if self.speedup is None else baseline_s / self.speedup


class StageTimes(msgspec.Struct, frozen=True):
    """Seconds, sample by sample, of all that an image is made of.

    Attributes:
        calls: By kind of UNet call, such as `deep` or `shallow 2 unguided`.
        prepare: Text encoder and first noise, once an image.
        decode: Once an image.
        loop: What of the loop is in no graph of the UNet, per call.
    """

    calls: dict[str, tuple[Elapsed, ...]]
    prepare: tuple[Elapsed, ...]
    decode: tuple[Elapsed, ...]
    loop: tuple[Elapsed, ...]


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
    composed_s: Seconds
    image_s: tuple[Seconds, ...]
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
    branches: tuple[Branch, ...]
    calibration: Count
    trials: Count | None
    prompts: str
    moves: Count = 0


class SearchRecord(RecordHead, frozen=True, kw_only=True):
    """One run of `accel search`.

    Attributes:
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
    goal: Goal
    asked: Asked
    prompts: tuple[str, ...]
    scorers: dict[str, str]
    stages: StageTimes
    calls: dict[str, Count]
    grid_calls: dict[str, Count]
    tried: Annotated[tuple[Tried, ...], Many]
    chosen: str | None
    finalists: str
    peak_rss_bytes: Count
    doubts: tuple[Doubt, ...]

    def __post_init__(self) -> None:
        baseline, pictures = self.tried[0], len(self.prompts)
        ids = {each.id for each in self.tried}
        check(len(ids) == len(self.tried), "candidates of distinct ids")
        check(self.chosen is None or self.chosen in ids, "a chosen candidate among the tried ones")
        check({"deep", "shallow"} <= self.calls.keys(), "deep and shallow calls")
        check({"trials", "deep", "shallow"} <= self.grid_calls.keys(), "the grid's trials, deep and shallow calls")
        check(len(baseline.scores.squared_error) == pictures, f"scores of all {pictures} prompts for the baseline")
        for each in self.tried:
            scores = each.scores
            check(len(each.image_s) in (0, len(baseline.image_s)), "as many seconds of each finalist")
            check(len(scores.squared_error) <= pictures, f"scores of at most {pictures} prompts")
            check(self.goal.score is not Score.CLIP or scores.clip, "scores by CLIP, which the goal is of")
