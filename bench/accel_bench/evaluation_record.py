"""The record of one evaluation: every batch's time and every picture's scores, raw.

Only raw samples are stored; `accel_bench.evaluation_summary` computes what is printed.

Format history:
    1  first version
"""

from typing import Literal

import msgspec

from accel_bench.environment import Environment
from accel_bench.quality.captions import Caption
from accel_bench.record import BundleFacts
from accel_runtime.backends import BackendDescription


class EvaluationConfig(msgspec.Struct, frozen=True):
    """What all trials have in common. Picture i was drawn with ``seed + i``, in batches of ``batch``."""

    scheduler: str
    steps: int
    guidance: float
    height: int
    width: int
    batch: int
    seed: int


class Scores(msgspec.Struct, frozen=True):
    """One value per picture, in the order of the captions.

    Attributes:
        squared_error: Mean squared error against the uncached picture, in units of 1/255.
        ssim: Structural similarity with it.
        feature_distance: Of EfficientNet-Lite0's features from its; not LPIPS.
        emoji_clip: 100 × the cosine with its caption; not CLIP.
        colour_right: Whether the background has the colour that the caption names.
    """

    squared_error: tuple[float, ...]
    ssim: tuple[float, ...]
    feature_distance: tuple[float, ...]
    emoji_clip: tuple[float, ...]
    colour_right: tuple[bool, ...]


class TrialRun(msgspec.Struct, frozen=True):
    """One trial over all batches.

    Attributes:
        name: Distinct in the record.
        plan: As the user wrote it, such as `every:3`.
        branch: Where its shallow calls cut; None where all calls are deep.
        forecast: How its features are made; None where all calls are deep.
        calls: UNet calls.
        deep_calls: Their numbers, counted from 0.
        batch_s: Wall time from prompts to pixels, one per batch.
        scores: Of its pictures.
    """

    name: str
    plan: str
    branch: int | None
    forecast: str | None
    calls: int
    deep_calls: tuple[int, ...]
    batch_s: tuple[float, ...]
    scores: Scores


class EvaluationRecord(msgspec.Struct, frozen=True):
    """One run of `accel evaluate`.

    Attributes:
        scorers: Versions and hashes of what scored.
        cut_captions: How many captions did not fit the text encoder and lost their end.
        warm_up_s: By trial, a short batch that loads and warms its graphs; in no statistic.
        trials: The first is the baseline, with every call deep.
    """

    kind: Literal["evaluation"]
    format: Literal[1]
    started: str
    environment: Environment
    backend: BackendDescription
    bundle: BundleFacts
    config: EvaluationConfig
    scorers: dict[str, str]
    captions: tuple[Caption, ...]
    cut_captions: int
    warm_up_s: dict[str, float]
    trials: tuple[TrialRun, ...]
    peak_rss_bytes: int
