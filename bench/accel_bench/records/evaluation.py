"""The record of one evaluation: every batch's time and every picture's scores, raw.

Only raw samples are stored; `accel_bench.evaluation.summary` computes what is printed.

Format history:
    1  first version
    2  `id`; `workload` and `facts` as in records of benchmarks; later `clip`, which older records lack
    3  plans as in plan files; `accel_bench.records.older` reads format 2; later `facts`, which older records lack
"""

from statistics import mean
from typing import Annotated, Literal

import msgspec

from accel_bench.records.bounds import (
    Cosine100,
    Count,
    Distance,
    Elapsed,
    Many,
    Part,
    Seconds,
    Similarity,
    SquaredError,
    check,
)
from accel_bench.records.captions import Caption
from accel_bench.records.head import RecordHead
from accel_bench.records.parts import PlanFacts
from accel_runtime.plans.deep_calls import CallNumber


class Scores(msgspec.Struct, frozen=True):
    """One value per picture, in the order of the captions.

    Attributes:
        squared_error: Mean squared error against the uncached picture, in units of 1/255.
        ssim: Structural similarity with the uncached picture.
        feature_distance: Distance from the uncached picture in EfficientNet-Lite0's features; not LPIPS.
        emoji_clip: 100 × the cosine with the caption, by emoji-clip, not CLIP; empty for captions of scenes.
        colour_right: Whether the background has the colour that the caption names; empty for prompts that name none.
        clip: 100 × the cosine with the caption, by a CLIP checkpoint; empty where none was asked for.
        facts: Share of what a scene's caption states that is read back from the picture; empty for other captions.
    """

    squared_error: Annotated[tuple[SquaredError, ...], Many]
    ssim: tuple[Similarity, ...]
    feature_distance: tuple[Distance, ...]
    emoji_clip: tuple[Cosine100, ...]
    colour_right: tuple[bool, ...]
    clip: tuple[Cosine100, ...] = ()
    facts: tuple[Part, ...] = ()

    def __post_init__(self) -> None:
        pictures = len(self.squared_error)
        always, others = (self.ssim, self.feature_distance), (self.emoji_clip, self.colour_right, self.clip, self.facts)
        check(all(len(values) == pictures for values in always), f"scores of {pictures} pictures")
        check({*map(len, others)} <= {0, pictures}, f"scores of {pictures} pictures, or of none")


class TrialRun(msgspec.Struct, frozen=True):
    """One plan over all batches.

    Attributes:
        facts: The plan.
        batch_s: Seconds from prompts to pixels, one per batch.
        scores: Scores of its pictures.
        deep_calls: By batch, numbers of the calls that ran deep; empty where the plan numbers them.
    """

    facts: PlanFacts
    batch_s: Annotated[tuple[Seconds, ...], Many]
    scores: Scores
    deep_calls: tuple[tuple[CallNumber, ...], ...] = ()

    @property
    def deep(self) -> float:
        """How many calls of a picture ran deep: of a plan with a rule, the mean over batches."""
        return mean(map(len, self.deep_calls)) if self.deep_calls else len(self.facts.deep_calls)


class EvaluationRecord(RecordHead, frozen=True, kw_only=True):
    """One run of `accel evaluate`.

    Attributes:
        scorers: Versions and hashes of the scorers.
        captions: Caption of each picture.
        cut_captions: Number of captions that did not fit the text encoder and lost their end.
        warm_up_s: Seconds of a short batch that loads and warms the graphs, by plan; in no statistic.
        trials: Plans; the first is the baseline, with every call deep.
        peak_rss_bytes: Peak memory of the process.
    """

    kind: Literal["evaluation"]
    format: Literal[3]
    scorers: dict[str, str]
    captions: tuple[Caption, ...]
    cut_captions: Count
    warm_up_s: dict[str, Elapsed]
    trials: Annotated[tuple[TrialRun, ...], Many]
    peak_rss_bytes: Count

    def __post_init__(self) -> None:
        batches, pictures = len(self.trials[0].batch_s), len(self.captions)
        for trial in self.trials:
            check(len(trial.batch_s) == batches, f"{batches} batches of each trial")
            scored = len(trial.scores.squared_error)
            check(scored == pictures, f"scores of {pictures} pictures, one for each caption")
