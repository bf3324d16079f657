"""``python -m tests.studies.local BUNDLE``: whether local search on real outcomes improves solved plans.

From the solved plan that is best on the pictures that are searched with, one deep call at a time is moved by a call or
two, and the move is kept where the final latents of those pictures come nearer to the uncached ones. Then both plans
are run on pictures that neither calibration nor search has seen.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.studies.forecasts import Forecasts, built_in
from tests.studies.outcomes import Outcomes, mean_error
from tests.studies.plans import CALIBRATION_SEED, Setting, uncached

from accel_bench.cli.console import note
from accel_bench.cli.options import choose_backend
from accel_bench.plans.families import moved
from accel_bench.quality.captions import evaluation_captions
from accel_bench.solving.drift import Calibration, calibrate
from accel_bench.solving.segments import DeepCalls, Solver, forecast_of
from accel_bench.solving.walk import Tally
from accel_runtime import open_bundle
from accel_runtime.plans.forecast import Forecast

# Captions: judged ones first, then those that are searched with, then those of the calibration.
JUDGED, CALIBRATED = 64, 8


@dataclass(frozen=True, slots=True)
class Way:
    """How the features of a placement are made; None has solved strengths."""

    solver: Solver
    forecast: Forecast | None

    def weights(self, deep: DeepCalls) -> Forecasts:
        """Of every shallow call."""
        calls = self.solver.calls
        if self.forecast is not None:
            return built_in(deep, calls, forecast=self.forecast)
        return forecast_of(deep, calls, strengths=self.solver.strengths(deep))


def climb(way: Way, deep: DeepCalls, outcomes: Sequence[Outcomes]) -> tuple[DeepCalls, float, int]:
    """Take moves that help until none does; returns the plan, its error and how many plans were run."""
    best, tried = mean_error(outcomes, way.weights(deep)), {deep}
    improved = True
    while improved:
        improved = False
        for other in moved(deep, way.solver.calls):
            if other in tried:
                continue
            tried.add(other)
            error = mean_error(outcomes, way.weights(other))
            if error < best:
                deep, best, improved = other, error, True
                break
    return deep, best, len(tried)


def main(arguments: argparse.Namespace) -> None:
    """Calibrate, solve, search, judge and print."""
    pipeline = open_bundle(arguments.bundle, choose_backend(arguments.provider, threads=1))
    full = pipeline.plan(arguments.steps, scheduler=arguments.scheduler, guidance=4.0)
    setting, tally, calibration = Setting(pipeline, full, CALIBRATED), Tally(), Calibration(full.schedule)
    texts = [each.caption for each in evaluation_captions(JUDGED + CALIBRATED + arguments.searched, 0)]
    held_out, searched, solved = texts[: arguments.judged], texts[JUDGED + CALIBRATED :], texts[JUDGED:][:CALIBRATED]
    walkers = setting.walkers(solved, seed=CALIBRATION_SEED, tally=tally)
    for done in calibrate(walkers, calibration):
        note(done)
    solver = Solver.of(calibration)
    on, off = (
        [Outcomes(each, uncached(each)) for each in setting.walkers(chosen, seed=seed, tally=tally)]
        for chosen, seed in ((searched, 2 * CALIBRATION_SEED), (held_out, 0))
    )
    rows = []
    for deep in arguments.deep:
        ways = [Way(solver, forecast) for forecast in (Forecast.HOLD, None)]
        starts = [(mean_error(on, way.weights(way.solver.placements(way.forecast)[deep])), way) for way in ways]
        before, way = min(starts, key=lambda start: start[0])
        begin = solver.placements(way.forecast)[deep]
        end, after, runs = climb(way, begin, on)
        judged = [mean_error(off, way.weights(each)) for each in (begin, end)]
        row = {
            "deep": deep,
            "forecast": way.forecast or "solved",
            "begin": begin,
            "end": end,
            "plans_run": runs,
            "searched_errors": [before, after],
            "held_out_errors": judged,
        }
        note(str(row))
        rows.append(row)
    sys.stdout.write(json.dumps(rows, indent=1) + "\n")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--scheduler", default="dpmpp_2m")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--deep", type=int, nargs="+", default=[4, 5, 6, 7, 8, 10])
    parser.add_argument("--searched", type=int, default=16)
    parser.add_argument("--judged", type=int, default=32)
    parser.add_argument("--provider", default="openvino:f32")
    return parser.parse_args()


if __name__ == "__main__":
    main(parse())
