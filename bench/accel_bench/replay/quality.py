"""The quality of a profile's configs, measured as `accel evaluate` does."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accel_bench.base.stats import Spread
from accel_bench.evaluation.run import Runs, evaluate
from accel_bench.evaluation.summary import TrialSummary, summarise_evaluation
from accel_bench.plans.prepare import Prepared, Settings, split
from accel_bench.profiles import Config, Figure, Published
from accel_bench.quality.captions import Yardstick, evaluation_captions, yardstick_of
from accel_bench.quality.psnr import psnr_interval
from accel_bench.records.evaluation import EvaluationRecord
from accel_runtime.errors import InputError
from accel_runtime.pipeline import Pipeline

if TYPE_CHECKING:
    from accel_bench.quality.scorers import Scorers  # brings torch, which only scoring needs

_SCORE = "emoji-clip"
# Half the width of an interval, in standard errors.
_ERRORS = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class QualityCheck:
    """Draws and scores pictures of configs.

    Attributes:
        count: Held-out captions of the model, as in `accel evaluate`.
        scorers: Scorers of the pictures, by yardstick.
    """

    count: int
    scorers: Mapping[Yardstick, "Scorers"]

    def check(self, batch: int) -> None:
        """Refuse a batch that does not divide the captions, before anything is timed.

        Raises:
            InputError: The batch does not divide the captions.
        """
        if self.count % batch:
            raise InputError(f"--quality: expected a multiple of the batch, {batch}, got {self.count}")

    def judge(
        self, pipeline: Pipeline, trials: Sequence[Prepared], *, settings: Settings, work: Config
    ) -> Generator[str, None, EvaluationRecord]:
        """Run and score every plan, yielding what was just done; return the record.

        Args:
            pipeline: Pipeline of a trained model.
            trials: The baseline first.
            settings: Settings of all trials.
            work: Work whose size is drawn.
        """
        yardstick = yardstick_of(pipeline.bundle.manifest.provenance.source)
        captions = evaluation_captions(self.count, 0, of=yardstick)
        requests = split([each.caption for each in captions], settings)
        sized = [replace(each, height=work.height, width=work.width) for each in requests]
        return (
            yield from evaluate(
                pipeline,
                trials,
                captions=captions,
                batches=sized,
                settings=settings,
                scorers=self.scorers[yardstick],
                runs=Runs(),
            )
        )


def judged(figure: str, expected: Figure | None, *, plan: str, record: EvaluationRecord) -> Spread | None:
    """A figure of the quality of one plan; None where the figure is of time or of another score."""
    (trial,) = (each for each in record.trials if each.facts.name == plan)
    (summary,) = (each for each in summarise_evaluation(record) if each.name == plan)
    if figure == "psnr_db":
        low, middle, high = psnr_interval(trial.scores.squared_error, errors=_ERRORS)
        return _spread(low, middle, high, pictures=len(record.captions))
    if figure == "score_loss" and _is_of_our_score(expected):
        return _loss(summary, pictures=len(record.captions))
    return None


def _is_of_our_score(expected: Figure | None) -> bool:
    return expected is not None and not isinstance(expected, Published) and expected.note.startswith(_SCORE)


def _loss(summary: TrialSummary, *, pictures: int) -> Spread | None:
    if summary.score_loss is None:
        return None
    error = _ERRORS * (summary.score_loss_error or 0.0)
    return _spread(summary.score_loss - error, summary.score_loss, summary.score_loss + error, pictures=pictures)


def _spread(low: float, middle: float, high: float, *, pictures: int) -> Spread:
    return Spread(middle, low, high, confidence=0.95, p90=middle, samples=pictures)
