"""The record of one search: every candidate with the scores of its pictures, and the cost of the search.

`accel_bench.search.summary` computes what is printed.

Format history:
    1  first version
    2  plans as in plan files; `accel_bench.records.older` reads format 1; later `bfloat16`, which older records lack
"""

from collections.abc import Mapping
from enum import StrEnum
from math import inf
from typing import Annotated, Literal

import msgspec

from accel_bench.records.bounds import Count, Elapsed, Many, Seconds, check
from accel_bench.records.evaluation import Scores
from accel_bench.records.head import RecordHead
from accel_bench.records.parts import Doubt, PlanFacts
from accel_runtime.errors import InputError
from accel_runtime.plans.deep_calls import CallNumber
from accel_runtime.plans.spec import Branch


class Score(StrEnum):
    """Scores that a search may bound. The first three judge a picture by its prompt, the others by the baseline's."""

    EMOJI_CLIP = "emoji-clip"
    CLIP = "clip"
    FACTS = "facts"
    PSNR = "psnr"
    SSIM = "ssim"
    FEATURE = "feature"


def scores_by_caption(scores: Scores) -> Mapping[Score, tuple[float, ...]]:
    """Those that judge a picture by its prompt; empty where they were not computed."""
    return {Score.EMOJI_CLIP: scores.emoji_clip, Score.CLIP: scores.clip, Score.FACTS: scores.facts}


class Goal(msgspec.Struct, frozen=True):
    """Bounds on speed and quality; a bound of None does not bind.

    Without a bound on speed, a search looks for the fastest candidate within the other bounds. With one, it looks for
    the candidate that changes the pictures least.

    Attributes:
        score: Score that ``max_loss`` bounds.
        max_loss: Largest loss (S_base - S) / S_base.
        speedup: Smallest speed-up T_base / T.
        seconds: Most seconds of one image.
        min_psnr: Lowest PSNR in dB against the baseline's pictures.
        max_feature_distance: Largest feature distance from the baseline's pictures.
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
        """The most seconds that an image may take; infinite where speed has no bound."""
        if self.seconds is not None:
            return self.seconds
        return inf if self.speedup is None else baseline_s / self.speedup


class StageTimes(msgspec.Struct, frozen=True):
    """Samples of the seconds of each stage of an image.

    Attributes:
        calls: One UNet call, by its kind, such as `deep` or `shallow 2 unguided`.
        prepare: Text encoder and first noise of one image.
        decode: Decoding of one image.
        loop: Time per call that the loop spends outside the UNet's graphs.
    """

    calls: dict[str, tuple[Elapsed, ...]]
    prepare: tuple[Elapsed, ...]
    decode: tuple[Elapsed, ...]
    loop: tuple[Elapsed, ...]


class Tried(msgspec.Struct, frozen=True):
    """A candidate that was judged.

    Attributes:
        id: Hash of its plan.
        family: Family of its deep calls, such as `full`, `uniform`, `power` or `solved`.
        facts: The plan.
        composed_s: Seconds of one image, composed from those of its graphs.
        image_s: Seconds end to end in the same rounds as the baseline; only for finalists.
        scores: Scores of its pictures; fewer than the baseline's where it was dropped early.
        deep_calls: By batch, numbers of the calls that ran deep; empty where the plan numbers them.
    """

    id: str
    family: str
    facts: PlanFacts
    composed_s: Seconds
    image_s: tuple[Seconds, ...]
    scores: Scores
    deep_calls: tuple[tuple[CallNumber, ...], ...] = ()


class Asked(msgspec.Struct, frozen=True):
    """The options of a search beside its goal.

    Attributes:
        strategy: Strategy that looked for candidates.
        targets: What may change.
        branches: Where shallow calls may cut the UNet.
        calibration: Number of pictures that plans are solved with.
        trials: Trials of Optuna's study; None for other strategies.
        prompts: Source of the prompts: `built-in`, or the name of a file.
        moves: Number of plans with one deep call moved that the default strategy runs.
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
        goal: Bounds on speed and quality.
        asked: Other options of the search.
        prompts: Prompts of all judged pictures, in the order of their scores.
        scorers: Versions and hashes of the scorers.
        stages: Samples that times are composed from.
        calls: UNet calls of one picture that the folder's results took, by purpose.
        grid_calls: Calls that judging every candidate of the grid would take.
        tried: Candidates; the first is the baseline. The workload's batch is that of judging; times are of one image.
        chosen: Id of the candidate that meets the goal best; None where none does.
        finalists: Id of the record of the finalists' timing.
        peak_rss_bytes: Peak memory of the process.
        doubts: Doubts noted while measuring; those that samples show are computed.
        bfloat16: Scores of the uncached pictures in bfloat16 against the baseline's; None where they were not drawn.
    """

    kind: Literal["search"]
    format: Literal[2]
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
    bfloat16: Scores | None = None

    def __post_init__(self) -> None:
        baseline, pictures = self.tried[0], len(self.prompts)
        ids = {each.id for each in self.tried}
        check(len(ids) == len(self.tried), "candidates of distinct ids")
        check(self.chosen is None or self.chosen in ids, "a chosen candidate among the tried ones")
        check({"deep", "shallow"} <= self.calls.keys(), "deep and shallow calls")
        check({"trials", "deep", "shallow"} <= self.grid_calls.keys(), "the grid's trials, deep and shallow calls")
        check(len(baseline.scores.squared_error) == pictures, f"scores of all {pictures} prompts for the baseline")
        same = self.bfloat16 is None or len(self.bfloat16.squared_error) == pictures
        check(same, f"scores of all {pictures} prompts in bfloat16, or none")
        for each in self.tried:
            scores = each.scores
            check(len(each.image_s) in (0, len(baseline.image_s)), "as many seconds of each finalist")
            check(len(scores.squared_error) <= pictures, f"scores of at most {pictures} prompts")
            by_caption = scores_by_caption(scores).get(self.goal.score, True)
            check(by_caption, f"scores of {self.goal.score}, which the goal is of")
