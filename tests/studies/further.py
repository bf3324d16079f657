"""``python -m tests.studies.further BUNDLE``: three ideas for plans with skipped calls, on the built-in captions.

1. A teacher of four times the steps: its pictures, or those of the schedule itself, as the goal of the rows.
2. A shallow call just before each deep one.
3. Shallow calls that cut the UNet deeper; the bundle needs those branches (`accel export --branches 0,1,3,6`).

Every plan is fitted on 32 pictures by a ridge, without moves and refinement, and told as the mean squared error of the
final latents of 32 others, in decibels below their mean square.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import log10
from pathlib import Path
from typing import Final

import numpy as np

from accel_bench.base.work import finish
from accel_bench.cli.console import note
from accel_bench.cli.options import choose_backend
from accel_bench.plans.prepare import BASELINE, Settings, compile_for
from accel_bench.search.prompts import choose_prompts
from accel_bench.solving.placement import Placement
from accel_bench.solving.refine import Sample
from accel_bench.solving.solver import Lab, open_lab
from accel_bench.solving.student import Student, ridge
from accel_bench.solving.teacher import Vectors
from accel_bench.solving.walk import Tally, Walker
from accel_runtime import open_bundle
from accel_runtime.pipeline import Pipeline
from accel_runtime.request import Request

PICTURES, BATCH, WINDOW = 32, 8, 4
FINER: Final = 4
SKIPS = ((6, 0), (7, 0), (8, 0), (10, 0))
# Deep and shallow calls; the first of each pair costs about what the second does, with shallow calls at a tenth.
BEFORE_EACH = ((6, 5), (7, 6), (9, 8))
MIXES = ((6, 4), (7, 4), (9, 4))


@dataclass(frozen=True, eq=False)
class Bench:
    """Fits plans on some pictures and judges them on others.

    Attributes:
        pipeline: The model.
        settings: The uncached run.
        fitted: Batches to fit on.
        judged: Batches to judge.
        branch: Where shallow calls cut.
        window: How long a feature may be held.
    """

    pipeline: Pipeline
    settings: Settings
    fitted: tuple[Request, ...]
    judged: tuple[Request, ...]
    branch: int = 0
    window: int = 0

    @cached_property
    def lab(self) -> Lab:
        return finish(open_lab(self._walkers(self.fitted, self.settings), window=self.window))

    @cached_property
    def goal(self) -> Vectors:
        """Latents of the judged pictures' uncached runs. Shape: [n + 1, P, D]."""
        return self.latents(self.judged)

    def decibels(self, placement: Placement, *, goals: Vectors, judged: Vectors) -> float:
        """How near a plan that is fitted to some latents comes to the last of others."""
        student = Student(self._walkers(self.fitted, self.settings))
        rows, _ = Sample(student, goals).fit(placement, ridge(1e-3))
        final = Student(self._walkers(self.judged, self.settings)).run(placement, rows)
        return below(final - judged[-1], judged[-1])

    def latents(self, requests: tuple[Request, ...], *, finer: int = 1) -> Vectors:
        """Latents of uncached runs before each call of this schedule, and the last ones, in a run of more steps."""
        settings = Settings(self.settings.steps * finer, self.settings.scheduler, guidance=4.0, batch=BATCH)
        walkers = self._walkers(requests, settings)
        own = {row.timestep for row in self._walkers(requests[:1], self.settings)[0].plan.schedule.rows}
        return np.concatenate([np.stack([*_path(walker, own)]) for walker in walkers], axis=1)

    def _walkers(self, requests: tuple[Request, ...], settings: Settings) -> tuple[Walker, ...]:
        plan = compile_for(self.pipeline, BASELINE, settings=settings)
        tally = Tally()
        return tuple(
            Walker.open(self.pipeline, request, plan=plan, branch=self.branch, tally=tally) for request in requests
        )


def _path(walker: Walker, timesteps: set[float]) -> Iterator[Vectors]:
    state = walker.start()
    for call, row in zip(walker.plan.calls, walker.plan.schedule.rows, strict=True):
        if row.timestep in timesteps:
            yield state.latents.reshape(len(state.latents), -1).copy()
        state = walker.step(state, call)
    yield state.latents.reshape(len(state.latents), -1).copy()


def below(error: Vectors, signal: Vectors) -> float:
    """Decibels of an error below a signal."""
    squares = (float(np.mean(np.square(each, dtype=np.float64))) for each in (error, signal))
    return -10 * log10(next(squares) / next(squares))


def finer_teacher(bench: Bench) -> Iterator[dict[str, object]]:
    """Fitted to the schedule's own pictures and to a finer run's; how near each comes to both."""
    own, fine = (bench.latents(bench.fitted, finer=finer) for finer in (1, FINER))
    goals = {"own": bench.goal, "finer": bench.latents(bench.judged, finer=FINER)}
    yield {"plan": "uncached", "to finer": below(goals["own"][-1] - goals["finer"][-1], goals["finer"][-1])}
    placements = bench.lab.placements(most=(10, 0))
    for counts in SKIPS:
        for name, taught in (("own", own), ("finer", fine)):
            near = {
                f"to {to}": bench.decibels(placements[counts].placement, goals=taught, judged=judged)
                for to, judged in goals.items()
            }
            yield {"calls": counts, "fitted to": name, **near}


def before_each(bench: Bench) -> Iterator[dict[str, object]]:
    """A shallow call just before each deep one, beside as many anywhere and deep calls alone."""
    placements = bench.lab.placements(most=(10, 8))
    latents = bench.lab.teacher.latents
    for deep, shallow in BEFORE_EACH:
        alone = placements[deep, 0].placement
        before = tuple(call - 1 for call in alone.deep[1:] if call - 1 not in alone.deep)
        for name, placement in {
            "deep alone": alone,
            "one deep call more": placements[deep + 1, 0].placement,
            "before each": Placement(alone.deep, before),
            "anywhere": placements[deep, shallow].placement,
        }.items():
            error = bench.decibels(placement, goals=latents, judged=bench.goal)
            yield {"deep": deep, "plan": name, "running": placement.running, "dB": error}


def deeper(bench: Bench) -> Iterator[dict[str, object]]:
    """Some shallow calls of a branch."""
    placements = bench.lab.placements(most=(9, 4))
    for counts in MIXES:
        placement = placements[counts].placement
        error = bench.decibels(placement, goals=bench.lab.teacher.latents, judged=bench.goal)
        yield {"branch": bench.branch, "calls": counts, "dB": error}


def main() -> None:
    """Read the command line, run, and write a line for each plan."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--scheduler", default="ddim")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--branches", default="0,1,3,6")
    arguments = parser.parse_args()
    settings = Settings(arguments.steps, arguments.scheduler, guidance=4.0, batch=BATCH)
    prompts, _ = choose_prompts(None, samples=PICTURES, calibration=PICTURES, settings=settings)
    pipeline = open_bundle(arguments.bundle, choose_backend("openvino:f32", threads=1, options=None))
    common = (pipeline, settings, prompts.calibration, prompts.judged)
    studies = [finer_teacher(Bench(*common)), before_each(Bench(*common, window=WINDOW))]
    studies += [deeper(Bench(*common, branch=int(at), window=WINDOW)) for at in arguments.branches.split(",")]
    for study in studies:
        for outcome in study:
            note(str(outcome))
            sys.stdout.write(json.dumps(outcome) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
