"""``python -m tests.studies.branches BUNDLE``: whether shallow calls should cut the UNet at different branches.

Every branch is calibrated on the same pictures. Dynamic programming then gives each segment between deep calls the
branch that pays: squared error + λ · time is least, for many λ. Of all these plans, and of those that keep one branch,
the best by price within the time of each number of deep calls on the first branch is told.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import log10
from pathlib import Path

import numpy as np
from tests.studies.plans import CALIBRATION_SEED, EVALUATED, Setting

from accel_bench.cli.console import note
from accel_bench.cli.options import choose_backend
from accel_bench.quality.captions import evaluation_captions
from accel_bench.solving.drift import Calibration, calibrate
from accel_bench.solving.segments import DeepCalls, Solver, solve
from accel_bench.solving.walk import Tally
from accel_runtime import open_bundle

CALIBRATED = 8
# λ, in the mean error of a call that is never refreshed.
WEIGHTS = np.geomspace(1e-4, 1e2, 25)


@dataclass(frozen=True, slots=True)
class Priced:
    """A plan with a branch for each segment.

    Attributes:
        deep: Calls.
        cuts: The branch of the segment after each deep call.
        error: Predicted, squared.
        time: In deep calls.
    """

    deep: DeepCalls
    cuts: tuple[int, ...]
    error: float
    time: float


@dataclass(frozen=True, slots=True, eq=False)
class Branches:
    """Prices of segments by branch.

    Attributes:
        solvers: By branch.
        shares: Of a deep call's time that a shallow one takes, by branch.
    """

    solvers: Mapping[int, Solver]
    shares: Mapping[int, float]

    @property
    def calls(self) -> int:
        """UNet calls of the schedule."""
        return next(iter(self.solvers.values())).calls

    def segment(self, nodes: DeepCalls, following: int, *, weight: float) -> tuple[float, float, float, int]:
        """Of the branch that pays: weighted sum, error, time, and the branch itself."""
        shallow = following - nodes[0] - 1
        found = []
        for branch, solver in self.solvers.items():
            error, time = solver.prices[None](nodes, following), 1 + shallow * self.shares[branch]
            found.append((error + weight * time, error, time, branch))
        return min(found)

    def plans(self) -> Iterator[Priced]:
        """The best plan of every number of deep calls, for every λ."""
        unit = min(solver.prices[None]((0,), self.calls) for solver in self.solvers.values()) / self.calls
        for weight in WEIGHTS * unit:

            def cost(nodes: DeepCalls, following: int, weight: float = weight) -> float:
                return self.segment(nodes, following, weight=weight)[0]

            for deep in solve(self.calls, history=2, cost=cost).values():
                yield self.price(deep, weight)

    def price(self, deep: DeepCalls, weight: float) -> Priced:
        """A plan with the branches that pay."""
        ends = (*deep[1:], self.calls)
        parts = [self.segment(deep[at::-1][:2], end, weight=weight) for at, end in enumerate(ends)]
        _, errors, times, cuts = zip(*parts, strict=True)
        return Priced(deep, cuts, sum(errors), sum(times))


def within(plans: list[Priced], time: float) -> Priced | None:
    """The one of least error that takes no longer."""
    return min((each for each in plans if each.time <= time + 1e-9), key=lambda each: each.error, default=None)


def main(arguments: argparse.Namespace) -> None:
    """Calibrate, solve and print."""
    pipeline = open_bundle(arguments.bundle, choose_backend(arguments.provider, threads=1))
    full = pipeline.plan(arguments.steps, scheduler=arguments.scheduler, guidance=4.0)
    setting = Setting(pipeline, full, CALIBRATED)
    texts = [each.caption for each in evaluation_captions(EVALUATED + CALIBRATED, 0)][EVALUATED:]
    solvers = {}
    for branch in arguments.branches:
        calibration = Calibration(full.schedule)
        walkers = setting.walkers(texts, seed=CALIBRATION_SEED, tally=Tally(), branch=branch)
        for done in calibrate(walkers, calibration):
            note(f"branch {branch}: {done}")
        solvers[branch] = Solver.of(calibration)
    shares = dict(zip(arguments.branches, arguments.shares, strict=True))
    alone = {branch: list(Branches({branch: solver}, shares).plans()) for branch, solver in solvers.items()}
    every = [*Branches(solvers, shares).plans(), *(plan for plans in alone.values() for plan in plans)]
    first = alone[arguments.branches[0]]
    rows = []
    for deep in arguments.deep:
        reference = min((each for each in first if len(each.deep) == deep), key=lambda each: each.error)
        best = {"any": within(every, reference.time)}
        best |= {str(branch): within(plans, reference.time) for branch, plans in alone.items()}
        gained = {name: 10 * log10(reference.error / each.error) if each else None for name, each in best.items()}
        mixed = best["any"]
        rows.append({"deep": deep, "time": reference.time, "gained_db": gained, "cuts": mixed.cuts if mixed else ()})
        note(str(rows[-1]))
    sys.stdout.write(json.dumps(rows, indent=1) + "\n")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--scheduler", default="ddim")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--deep", type=int, nargs="+", default=[5, 7, 10, 13])
    parser.add_argument("--branches", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--shares", type=float, nargs="+", default=[0.085, 0.235])
    parser.add_argument("--provider", default="openvino:f32")
    return parser.parse_args()


if __name__ == "__main__":
    main(parse())
