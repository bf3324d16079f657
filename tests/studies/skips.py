"""``python -m tests.studies.skips BUNDLE FOLDER --scheduler ddim --steps 50``: the tables of docs/search-plans.md.

Plans with skipped calls and all their rivals at equal time, on the built-in captions. Time is counted in deep calls; a
shallow call costs a tenth of one, as on Stable Diffusion 1.5. A study that was interrupted goes on in its folder.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from math import inf
from pathlib import Path
from statistics import mean
from typing import TypeAlias

import msgspec

from accel_bench.cli.console import note
from accel_bench.cli.options import choose_backend
from accel_bench.plans.families import power_plans, uniform
from accel_bench.plans.prepare import Settings
from accel_bench.quality.captions import yardstick_of
from accel_bench.quality.psnr import psnr
from accel_bench.quality.scorers import Scorers
from accel_bench.records.environment import read_environment
from accel_bench.records.evaluation import Scores
from accel_bench.records.search import Score, StageTimes
from accel_bench.search.driver import Driver, joined
from accel_bench.search.prompts import choose_prompts
from accel_bench.search.run import Opening
from accel_bench.search.space import FULL, Candidate, Proposer, Space, Unsolved, distinct
from accel_bench.search.store import Store
from accel_bench.search.strategies.proposals import Proposals
from accel_bench.search.strategies.skips import Skips
from accel_bench.search.strategies.solved import halve
from accel_bench.search.targets import Target
from accel_bench.timing.pipeline import TimedPipeline
from accel_runtime.bundle.bundle import read_bundle
from accel_runtime.plans.forecast import Forecast

SHALLOW_S = 0.1
# Families by column, rivals first.
COLUMNS = {
    "fewer steps": ("fewer steps",),
    "DeepCache": ("uniform", "power"),
    "deep + shallow, solved": ("solved",),
    "skips": ("skips",),
}
JUDGED, BATCH = 64, 8
# A title, and how a cell is written.
Measure: TypeAlias = tuple[str, Callable[[Scores], str]]


class Outcome(msgspec.Struct, frozen=True):
    """A plan of the study.

    Attributes:
        candidate: The plan and its family.
        cost: Its time, in deep calls.
        scores: Scores of all pictures.
    """

    candidate: Candidate
    cost: float
    scores: Scores


class Study(msgspec.Struct, frozen=True):
    """What was run; `outcomes` begins with the uncached run."""

    scheduler: str
    steps: int
    guidance: float
    calibration: int
    calls: Mapping[str, int]
    outcomes: tuple[Outcome, ...]


def fixed_times() -> StageTimes:
    """Seconds in deep calls; all that is not a UNet call costs nothing."""
    calls = {"deep": 1.0, "shallow 0": SHALLOW_S, "deep unguided": 0.5, "shallow 0 unguided": SHALLOW_S / 2}
    return StageTimes({kind: (each,) for kind, each in calls.items()}, prepare=(0.0,), decode=(0.0,), loop=(0.0,))


def rivals(space: Space, proposals: Proposals, budgets: tuple[float, ...]) -> Iterator[Candidate]:
    """Plans of deep and shallow calls that are as fast as each budget, and uncached runs of fewer steps."""
    steps, calls = space.steps, space.calls[space.steps]
    yield from (rival.candidate for rival in space.rivals)
    for budget in budgets:
        deep = int((budget - SHALLOW_S * calls) / (1 - SHALLOW_S) + 1e-9)
        if deep < 1:
            continue
        for forecast in (Forecast.HOLD, Forecast.LINEAR):
            yield space.candidate("uniform", steps, deep=uniform(calls, deep), branch=0, forecast=forecast)
        power = min(power_plans(calls, deep), key=partial(_price, proposals, steps), default=None)
        if power is not None:
            yield space.candidate("power", steps, deep=power, branch=0)
        if deep > 1:
            yield from (each for each in proposals.at(steps, deep, 0) if each.family == "solved")


def _price(proposals: Proposals, steps: int, deep: tuple[int, ...]) -> float:
    return proposals.solvers[steps].price(deep, Forecast.HOLD)


def compared(skips: Skips, proposals: Proposals, budgets: tuple[float, ...], *, moves: int) -> Proposer:
    """Judge everything; of uncached runs of as many calls, the better half goes on."""
    space, steps = proposals.space, proposals.space.steps
    plain = [Unsolved(steps, int(budget)) for budget in budgets]
    mixed = [each for budget in budgets for each in skips.within(steps, budget)]
    wanted = dict.fromkeys((*plain, *mixed))
    better = [Unsolved(each.steps, each.deep, each.shallow, moves) for each in plain]
    found = distinct(list(rivals(space, proposals, budgets)))

    def rivals_of(candidate: Candidate) -> tuple[object, ...]:
        """Plans of one family compete, so that each family is in the tables."""
        return candidate.family, *proposals.cost(candidate)

    yield from halve(found, batches=JUDGED // BATCH, cost=rivals_of, unsolved=(*wanted, *better))


def run(arguments: argparse.Namespace) -> Iterator[str]:
    """Run the study in its folder, yielding what was just done."""
    settings = Settings(arguments.steps, arguments.scheduler, guidance=4.0, batch=BATCH)
    bundle = read_bundle(arguments.bundle)
    yardstick = yardstick_of(bundle.manifest.provenance.source)
    prompts, sources = choose_prompts(
        None, of=yardstick, samples=JUDGED, calibration=arguments.calibration, settings=settings
    )
    timed = TimedPipeline.open(bundle, choose_backend(arguments.provider, threads=None, options=None))
    targets = (Target.SCHEDULE, Target.DEEPCACHE)
    opening = Opening(timed, settings, prompts, sources, "built-in", read_environment(), targets, (0,))
    budgets = tuple(float(each) for each in arguments.budgets.split(","))
    scorers = Scorers.open(of=yardstick)
    Store.open(arguments.folder, opening.identity(scorers.versions)).keep_times(fixed_times())
    driver = yield from opening.driver(arguments.folder, scorers=scorers, score=Score.PSNR)
    space = opening.space(budgets=tuple(int(each) for each in budgets))
    solvers = yield from driver.solvers((space.steps,), branch=0)
    proposals = Proposals(space, solvers, predict=driver.predict, baseline_s=driver.predict(FULL))
    opened = yield from driver.labs.open(space.steps)
    placements = {space.steps: (opened.lab.teacher.calls, opened.placements)}
    skips = Skips(placements, partial(driver.predict_calls, branch=0), driver.predict(FULL))
    yield from driver.run(compared(skips, proposals, budgets, moves=arguments.moves))
    outcomes = tuple(sorted(_outcomes(driver), key=lambda each: -each.cost))
    study = Study(arguments.scheduler, arguments.steps, 4.0, arguments.calibration, driver.spent(), outcomes)
    (arguments.folder / "study.json").write_bytes(msgspec.json.encode(study))
    sys.stdout.write("\n".join(report(study, budgets)) + "\n")


def _outcomes(driver: Driver) -> Iterator[Outcome]:
    for entry in driver.store.entries():
        if len(entry.batches) == JUDGED // BATCH:
            yield Outcome(entry.candidate, driver.predict(entry.candidate), joined(entry.batches))


def report(study: Study, budgets: tuple[float, ...]) -> Iterator[str]:
    """All tables of a study: the best plan of each column within each budget, by PSNR."""
    base = study.outcomes[0].scores
    yield f"### {study.scheduler}, {study.steps} steps"
    measures: tuple[Measure, ...] = (
        ("PSNR, dB", lambda scores: f"{psnr(scores.squared_error) or inf:.1f}"),
        ("Mean of the pictures' PSNR, dB", lambda scores: f"{mean(map(_decibels, scores.squared_error)):.1f}"),
        ("Feature distance × 1000", lambda scores: f"{1000 * mean(scores.feature_distance):.1f}"),
        _by_caption(base),
    )
    for title, measure in measures:
        yield f"\n{title}:\n\n| time | " + " | ".join(COLUMNS) + " |\n|" + " ---: |" * (1 + len(COLUMNS))
        for budget in budgets:
            best = {column: _best(study, families, budget) for column, families in COLUMNS.items()}
            cells = ["–" if each is None else measure(each.scores) for each in best.values()]
            yield f"| {budget:g} | " + " | ".join(cells) + " |"
    yield "\n| time | skips | cost | pictures won of the best rival |\n| ---: | --- | ---: | ---: |"
    for budget in budgets:
        ours, *others = (_best(study, families, budget) for families in reversed(COLUMNS.values()))
        rival = max((each for each in others if each), key=_quality)
        if ours is not None:
            pairs = zip(ours.scores.squared_error, rival.scores.squared_error, strict=True)
            calls = ", ".join(map(str, ours.candidate.spec.rows))
            yield f"| {budget:g} | {calls} | {ours.cost:.1f} | {sum(a < b for a, b in pairs)} of {JUDGED} |"
    yield f"\nUNet calls of a picture: {dict(study.calls)}"


def _by_caption(base: Scores) -> Measure:
    """What compares a picture with its caption, by the yardstick that scored it."""
    if base.facts:
        return "Facts right, %", lambda scores: f"{100 * mean(scores.facts):.1f}"
    return "Loss of emoji-clip, %", lambda scores: f"{100 * (1 - sum(scores.emoji_clip) / sum(base.emoji_clip)):.2f}"


def _best(study: Study, families: tuple[str, ...], budget: float) -> Outcome | None:
    within = [each for each in study.outcomes[1:] if each.cost <= budget + 1e-6 and each.candidate.family in families]
    return max(within, key=_quality, default=None)


def _quality(outcome: Outcome) -> float:
    return -mean(outcome.scores.squared_error)


def _decibels(squared_error: float) -> float:
    return psnr([max(squared_error, 1e-3)]) or inf


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scheduler", default="ddim")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--budgets", default="5,6,7,8,10,13")
    parser.add_argument("--calibration", type=int, default=32)
    parser.add_argument("--moves", type=int, default=8)
    parser.add_argument("--provider", default="openvino:f32")
    parser.add_argument("--report", action="store_true", help="print what the folder has, and run nothing")
    arguments = parser.parse_args()
    if arguments.report:
        study = msgspec.json.decode((arguments.folder / "study.json").read_bytes(), type=Study)
        sys.stdout.write("\n".join(report(study, tuple(map(float, arguments.budgets.split(","))))) + "\n")
        return
    for done in run(arguments):
        note(done)


if __name__ == "__main__":
    main()
