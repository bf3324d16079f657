"""What an evaluation says of each trial, computed from its raw samples when asked."""

from collections.abc import Sequence
from statistics import mean

import msgspec

from accel_bench.base.stats import Spread, ratios
from accel_bench.plans.names import calls_name, own_settings
from accel_bench.quality.loss import score_loss
from accel_bench.quality.psnr import psnr
from accel_bench.records.evaluation import EvaluationRecord, Scores, TrialRun
from accel_bench.records.parts import PlanFacts


class TrialSummary(msgspec.Struct, frozen=True):
    """One trial against the baseline of the same batches and seeds.

    Attributes:
        plan: The calls that run, and where it leaves what all trials have in common.
        forecast: How features are made, `weights` where it is by weights of its own; None where no call is shallow.
        deep: How many calls run deep; of a plan with a rule, the mean over batches.
        skipped: How many calls run nothing.
        batch_s: Seconds of a batch.
        speedup: Baseline's seconds over this trial's, batch by batch.
        psnr: In dB, of the mean squared error; None where no pixel differs.
        ssim: Mean over pictures, as all that follow.
        feature_distance: From the uncached pictures.
        emoji_clip: Against the captions; None for scenes.
        facts: Share of what captions of scenes state that the pictures show; None for other captions.
        score_loss: (S_base - S_trial) / S_base of `emoji_clip`, for scenes of `facts`; None where S_base is not
            positive.
        score_loss_error: Standard error of that over pictures, paired by seed; None for a single picture.
        colour_accuracy: Share of backgrounds that have the caption's colour; None where captions name none.
    """

    name: str
    plan: str
    branch: int | None
    forecast: str | None
    calls: int
    deep: float
    skipped: int
    batch_s: Spread
    speedup: Spread
    psnr: float | None
    ssim: float
    feature_distance: float
    emoji_clip: float | None
    facts: float | None
    score_loss: float | None
    score_loss_error: float | None
    colour_accuracy: float | None


def summarise_evaluation(record: EvaluationRecord) -> tuple[TrialSummary, ...]:
    """Statistics of ``record``, the baseline first."""
    return tuple(_summarise(trial, record.trials[0]) for trial in record.trials)


def _forecast(facts: PlanFacts) -> str | None:
    if not facts.shallow_calls:
        return None
    return "weights" if facts.plan.weights else facts.plan.forecast.value


def _by_caption(scores: Scores) -> Sequence[float]:
    return scores.emoji_clip or scores.facts


def _mean(values: Sequence[float]) -> float | None:
    return mean(values) if values else None


def _summarise(trial: TrialRun, baseline: TrialRun) -> TrialSummary:
    scores, facts = trial.scores, trial.facts
    loss, loss_error = score_loss(_by_caption(scores), _by_caption(baseline.scores))
    return TrialSummary(
        name=facts.name,
        plan=" ".join([calls_name(facts.plan), *own_settings(facts.plan)]),
        branch=facts.plan.branch if facts.shallow_calls else None,
        forecast=_forecast(facts),
        calls=facts.calls,
        deep=trial.deep,
        skipped=len(facts.plan.skip),
        batch_s=Spread.of(trial.batch_s),
        speedup=Spread.of(ratios(baseline.batch_s, trial.batch_s)),
        psnr=psnr(scores.squared_error),
        ssim=mean(scores.ssim),
        feature_distance=mean(scores.feature_distance),
        emoji_clip=_mean(scores.emoji_clip),
        facts=_mean(scores.facts),
        score_loss=loss,
        score_loss_error=loss_error,
        colour_accuracy=_mean(scores.colour_right),
    )
