"""Run plans on many prompts with the same seeds; their batches are interleaved A B C, A B C."""

from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from accel_bench.plans.prepare import Prepared, Settings
from accel_bench.plans.workload import workload_of
from accel_bench.records.captions import Caption
from accel_bench.records.environment import Environment, peak_rss_bytes, read_environment
from accel_bench.records.evaluation import EvaluationRecord, Scores, TrialRun
from accel_bench.records.head import make_head
from accel_bench.records.store import seal
from accel_bench.timing.measure import turns
from accel_runtime.pipeline import Pipeline
from accel_runtime.plans.plan import Plan
from accel_runtime.request import Request, Result

if TYPE_CHECKING:
    from accel_bench.quality.scorers import Scorers  # brings torch, which only scoring needs


@dataclass(eq=False)
class Runs:
    """Collects what `run_batches` and `score_trials` find, by trial; complete once both have ended.

    Attributes:
        warm_up_s: Seconds of the warm-up, which is not counted.
        batch_s: Seconds of each batch.
        batches: Pictures of each batch. Shape: [B, H, W, 3].
        scores: Scores of all pictures.
        deep_calls: Numbers of each batch's deep calls, of plans with a rule.
    """

    warm_up_s: dict[str, float] = field(default_factory=dict)
    batch_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    batches: dict[str, list[NDArray[np.uint8]]] = field(default_factory=lambda: defaultdict(list))
    scores: dict[str, Scores] = field(default_factory=dict)
    deep_calls: dict[str, list[tuple[int, ...]]] = field(default_factory=lambda: defaultdict(list))

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
        trials: Trials that `prepare` returned; the baseline comes first.
        captions: Captions of all pictures.
        batches: The captions as requests; see `split`.
        settings: Settings of all trials.
        scorers: Scorers of the pictures.
        runs: Takes what is found as the iterator advances.
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
        batches: Batches of one size; see `split`.
        runs: Takes what is found as the iterator advances.
    """
    for each in trials:
        runs.warm_up_s[each.name], _ = _timed(pipeline, batches[0], plan=each.warm_up)
        yield f"warm-up {each.name}"
    for batch, turn in zip(batches, turns(trials), strict=False):
        for each in turn:
            seconds, drawn = _timed(pipeline, batch, plan=each.plan)
            runs.batch_s[each.name].append(seconds)
            runs.batches[each.name].append(drawn.images)
            if each.spec.rule:
                runs.deep_calls[each.name].append(drawn.deep_calls)
            yield each.name


def _timed(pipeline: Pipeline, request: Request, *, plan: Plan) -> tuple[float, Result]:
    # Otherwise only the first plan of a batch would pay for the text encoder.
    pipeline.forget_prompts()
    started = perf_counter()
    drawn = pipeline.generate(request, plan)
    return perf_counter() - started, drawn


def score_trials(
    scorers: "Scorers", trials: Sequence[Prepared], *, captions: Sequence[Caption], runs: Runs
) -> Iterator[str]:
    """Score the pictures of finished runs, yielding the name of the trial just scored.

    It comes after all runs, so that no network of a score disturbs a time.
    """
    references = runs.images(trials[0].name)
    for each in trials:
        name = each.name
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
    height, width = runs.batches[trials[0].name][0].shape[1:3]
    workload = workload_of(settings, trials[0].plan.schedule, size=(height, width))
    record = EvaluationRecord(
        kind="evaluation",
        format=3,
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
    name = each.name
    return TrialRun(
        each.facts, tuple(runs.batch_s[name]), runs.scores[name], deep_calls=tuple(runs.deep_calls.get(name, ()))
    )
