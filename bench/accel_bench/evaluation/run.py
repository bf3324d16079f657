"""Run plans side by side on many prompts: same seeds, same machine, batches interleaved A B C A B C."""

from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from accel_bench.plans.trial import BASELINE, Prepared, Settings, plan_facts
from accel_bench.plans.workload import workload_of
from accel_bench.records.captions import Caption
from accel_bench.records.environment import Environment, peak_rss_bytes, read_environment
from accel_bench.records.evaluation import EvaluationRecord, Scores, TrialRun
from accel_bench.records.head import make_head
from accel_bench.records.store import seal
from accel_bench.timing.measure import turns
from accel_runtime.pipeline import Pipeline
from accel_runtime.plan import Plan
from accel_runtime.request import Request

if TYPE_CHECKING:
    from accel_bench.quality.scorers import Scorers  # brings torch, which only scoring needs


@dataclass(eq=False)
class Runs:
    """Collects what `run_batches` and `score_trials` find, by trial; complete once both have ended.

    Attributes:
        warm_up_s: Seconds of the batch that is not counted.
        batch_s: Seconds of each batch.
        batches: Pictures of each batch. Shape: [B, H, W, 3].
        scores: Of all pictures.
    """

    warm_up_s: dict[str, float] = field(default_factory=dict)
    batch_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    batches: dict[str, list[NDArray[np.uint8]]] = field(default_factory=lambda: defaultdict(list))
    scores: dict[str, Scores] = field(default_factory=dict)

    def images(self, name: str) -> NDArray[np.uint8]:
        """All pictures of a trial. Shape: [N, H, W, 3]."""
        return np.concatenate(self.batches[name])


def evaluate(
    pipeline: Pipeline,
    trials: Sequence[Prepared],
    *,
    captions: Sequence[Caption],
    batches: Sequence[Request],
    settings: Settings,
    scorers: "Scorers",
    runs: Runs,
) -> Generator[str, None, EvaluationRecord]:
    """Warm, run and score every trial, yielding the name of what was just done: `evaluation_steps` times.

    Args:
        pipeline: On any backend.
        trials: Of `prepare`, the baseline first.
        captions: Of all pictures.
        batches: The same as requests; see `split`.
        settings: Of all trials.
        scorers: What scores.
        runs: Filled as the iterator goes.
    """
    environment = read_environment()
    yield from run_batches(pipeline, trials, batches=batches, runs=runs)
    for name in score_trials(scorers, trials, captions=captions, runs=runs):
        yield f"score {name}"
    return make_evaluation(
        pipeline,
        trials,
        captions=captions,
        settings=settings,
        runs=runs,
        versions=scorers.versions,
        environment=environment,
    )


def evaluation_steps(trials: int, batches: int) -> int:
    """How often `evaluate` yields: each trial is warmed, run on every batch, and scored."""
    return trials * (batches + 2)


def run_batches(
    pipeline: Pipeline, trials: Sequence[Prepared], *, batches: Sequence[Request], runs: Runs
) -> Iterator[str]:
    """Run every trial on every batch of prompts, yielding the name of what was just run.

    A warm-up comes first and is not counted. Then each batch meets every trial in turn, so that a slow moment of
    the machine meets them all; the order turns by one from batch to batch.

    Args:
        pipeline: On any backend.
        trials: Distinct.
        batches: Of one size; see `split`.
        runs: Filled as the iterator goes.
    """
    for each in trials:
        runs.warm_up_s[each.trial.name], _ = _timed(pipeline, batches[0], plan=each.warm_up)
        yield f"warm-up {each.trial.name}"
    for batch, turn in zip(batches, turns(trials), strict=False):
        for each in turn:
            seconds, images = _timed(pipeline, batch, plan=each.plan)
            runs.batch_s[each.trial.name].append(seconds)
            runs.batches[each.trial.name].append(images)
            yield each.trial.name


def _timed(pipeline: Pipeline, request: Request, *, plan: Plan) -> tuple[float, NDArray[np.uint8]]:
    # Otherwise only the first trial of a batch would pay for its text encoder.
    pipeline.forget_prompts()
    started = perf_counter()
    images = pipeline.generate(request, plan).images
    return perf_counter() - started, images


def score_trials(
    scorers: "Scorers", trials: Sequence[Prepared], *, captions: Sequence[Caption], runs: Runs
) -> Iterator[str]:
    """Score the pictures of finished runs, yielding the name of the trial just scored.

    It comes after all runs, so that no network of a score disturbs a time.
    """
    references = runs.images(BASELINE.name)
    for each in trials:
        name = each.trial.name
        runs.scores[name] = scorers.score(runs.images(name), references, captions=captions)
        yield name


def make_evaluation(
    pipeline: Pipeline,
    trials: Sequence[Prepared],
    *,
    captions: Sequence[Caption],
    settings: Settings,
    runs: Runs,
    versions: dict[str, str],
    environment: Environment,
) -> EvaluationRecord:
    """The record of finished and scored runs."""
    height, width = runs.batches[BASELINE.name][0].shape[1:3]
    workload = workload_of(settings, trials[0].plan.schedule, size=(height, width))
    record = EvaluationRecord(
        kind="evaluation",
        format=2,
        **make_head(pipeline.bundle, pipeline.describe(), workload=workload, environment=environment),
        scorers=versions,
        captions=tuple(captions),
        cut_captions=sum(any(each.cut for each in pipeline.tokenize(caption.caption)) for caption in captions),
        warm_up_s=runs.warm_up_s,
        trials=tuple(_trial_run(each, runs) for each in trials),
        peak_rss_bytes=peak_rss_bytes(),
    )
    return seal(record)


def _trial_run(each: Prepared, runs: Runs) -> TrialRun:
    trial, plan = each.trial, each.plan
    return TrialRun(plan_facts(trial, plan), tuple(runs.batch_s[trial.name]), runs.scores[trial.name])
