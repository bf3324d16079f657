"""``python -m tests.studies.plans BUNDLE RECORD``: the tables of docs/search-plans.md.

Solves plans on calibration prompts, then runs them beside uniform and power plans on other prompts and seeds, batch by
batch, every plan on a batch before the next batch. The record is written after each batch, so a long study may be read,
or stopped, early.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from tests.studies.forecasts import built_in, forecasts_of, spec_of
from tests.studies.outcomes import Outcomes, mean_error

from accel_bench.base.files import write_record
from accel_bench.cli.console import note
from accel_bench.cli.options import choose_backend
from accel_bench.plans.families import power_plans, uniform
from accel_bench.quality.captions import evaluation_captions
from accel_bench.quality.scorers import Scorers
from accel_bench.records.evaluation import Scores
from accel_bench.search.driver import joined
from accel_bench.solving.drift import Calibration, calibrate
from accel_bench.solving.segments import Solver, forecast_of
from accel_bench.solving.walk import Tally, Walker, walk
from accel_runtime import Pipeline, Request, open_bundle
from accel_runtime.backends import BackendDescription
from accel_runtime.backends.base import Array
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.plan import Plan
from accel_runtime.plans.spec import PlanSpec

# Captions 0 to 63 are evaluated, with seeds from 0; calibration has others of both.
EVALUATED, CALIBRATION_SEED = 64, 1000


class Trial(msgspec.Struct, frozen=True):
    """A plan of the study.

    Attributes:
        family: Of its placement.
        forecast: How its features are made.
        spec: The plan as data.
    """

    family: str
    forecast: str
    spec: PlanSpec


class Study(msgspec.Struct, frozen=True):
    """What was run.

    `scores[i]` are of `trials[i]`, one value per picture; `calibration_errors[i]` is the mean squared error of its
    final latents on the calibration's pictures.
    """

    kind: str
    scheduler: str
    steps: int
    guidance: float
    backend: BackendDescription
    calibration_pictures: int
    calibration_calls: dict[str, int]
    gains: tuple[tuple[int, float], ...]
    weights: tuple[float, ...]
    trials: tuple[Trial, ...]
    calibration_errors: tuple[float, ...]
    uncached: Scores
    scores: tuple[Scores, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What all runs have in common."""

    pipeline: Pipeline
    full: Plan
    batch: int

    def walkers(self, captions: Sequence[str], *, seed: int, tally: Tally, branch: int = 0) -> list[Walker]:
        """One for each batch."""
        return [
            Walker.open(
                self.pipeline,
                Request(tuple(captions[at : at + self.batch]), seed=seed + at),
                plan=self.full,
                branch=branch,
                tally=tally,
            )
            for at in range(0, len(captions), self.batch)
        ]


def trials_of(solver: Solver, deep: int) -> Iterator[Trial]:
    """Placements of every family with every forecast, at one number of deep calls."""
    calls = solver.calls
    placements = {forecast: solver.placements(forecast)[deep] for forecast in (Forecast.HOLD, Forecast.LINEAR, None)}
    # The paper's set has up to 36 plans: the best by predicted error stands for it, with each forecast.
    powers = {each: min(power_plans(calls, deep), key=partial(solver.price, forecast=each)) for each in placements}
    families = {"uniform": dict.fromkeys(placements, uniform(calls, deep)), "power": powers}
    for family, plans in (families | {"solved": placements}).items():
        for forecast in (Forecast.HOLD, Forecast.LINEAR):
            weights = built_in(plans[forecast], calls, forecast=forecast)
            yield Trial(family, forecast.value, spec_of(weights, calls))
        strengths = solver.strengths(plans[None])
        yield Trial(family, "solved", spec_of(forecast_of(plans[None], calls, strengths=strengths), calls))
    quadratic = built_in(uniform(calls, deep), calls, forecast=Forecast.QUADRATIC)
    yield Trial("uniform", "quadratic", spec_of(quadratic, calls))


def uncached(walker: Walker) -> Array:
    """Final latents of every call deep. Shape: [B, C, h, w]."""
    return walk(walker, walker.start(), walker.plan.calls).latents


def run(setting: Setting, trials: Sequence[Trial], *, prompts: int) -> Iterator[tuple[Scores, tuple[Scores, ...]]]:
    """After each batch, the scores of all pictures so far: uncached, and of every trial."""
    captions = evaluation_captions(prompts, 0)
    scorers, tally = Scorers.open(), Tally()
    found: list[list[Scores]] = [[] for _ in range(len(trials) + 1)]
    walkers = setting.walkers([caption.caption for caption in captions], seed=0, tally=tally)
    for at, walker in enumerate(walkers):
        drawn = captions[at * setting.batch : (at + 1) * setting.batch]
        final = uncached(walker)
        pictures = setting.pipeline.decode(final)
        found[0].append(scorers.score(pictures, pictures, captions=drawn))
        outcomes = Outcomes(walker, final)
        for index, trial in enumerate(trials):
            latents = outcomes.final(forecasts_of(trial.spec, walker.calls))
            found[index + 1].append(scorers.score(setting.pipeline.decode(latents), pictures, captions=drawn))
            note(f"batch {at + 1} of {len(walkers)}: {len(trial.spec.deep)} deep, {trial.family}, {trial.forecast}")
        reference, *scores = (joined(each) for each in found)
        yield reference, tuple(scores)


def main(arguments: argparse.Namespace) -> None:
    """Calibrate, solve, run and write the record."""
    pipeline = open_bundle(arguments.bundle, choose_backend(arguments.provider, threads=arguments.threads))
    full = pipeline.plan(arguments.steps, scheduler=arguments.scheduler, guidance=arguments.guidance)
    setting = Setting(pipeline, full, arguments.batch)
    tally, calibration = Tally(), Calibration(full.schedule)
    captions = evaluation_captions(EVALUATED + arguments.calibration, 0)[EVALUATED:]
    walkers = setting.walkers([each.caption for each in captions], seed=CALIBRATION_SEED, tally=tally)
    for done in calibrate(walkers, calibration):
        note(done)
    measured = {"deep": tally.deep, "shallow": tally.shallow}
    solver = Solver.of(calibration)
    trials = tuple(trial for deep in arguments.deep for trial in trials_of(solver, deep))
    outcomes = [Outcomes(each, uncached(each)) for each in walkers]
    errors = tuple(mean_error(outcomes, forecasts_of(each.spec, solver.calls)) for each in trials)
    for reference, scores in run(setting, trials, prompts=arguments.prompts):
        study = Study(
            kind="plans",
            scheduler=full.schedule.scheduler,
            steps=full.schedule.steps,
            guidance=arguments.guidance,
            backend=pipeline.backend.describe(),
            calibration_pictures=len(captions),
            calibration_calls=measured,
            gains=tuple(calibration.gains),
            weights=tuple(np.round(calibration.weights, 6).tolist()),
            trials=trials,
            calibration_errors=errors,
            uncached=reference,
            scores=scores,
        )
        write_record(arguments.record, study)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("record", type=Path)
    parser.add_argument("--scheduler", default="ddim")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--deep", type=int, nargs="+", default=[5, 7, 8, 10, 13, 17])
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--prompts", type=int, default=EVALUATED)
    parser.add_argument("--calibration", type=int, default=8)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--provider", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main(parse())
