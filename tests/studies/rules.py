"""``python -m tests.studies.rules BUNDLE RECORD``: the table of docs/accelerators.md, of static plans beside rules.

For each scheduler, static plans are solved and thresholds calibrated on some captions; then all are drawn one picture
at a time on others, interleaved with the uncached run. The record is written after each caption, so a long study may be
read, or stopped, early.
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean, median
from time import perf_counter

import msgspec
import numpy as np

from accel_bench.base.files import write_record
from accel_bench.base.work import finish
from accel_bench.cli.console import note, print_line
from accel_bench.plans.prepare import BASELINE, Settings, compile_for
from accel_bench.quality.captions import evaluation_captions
from accel_bench.quality.psnr import psnr
from accel_bench.search.cost import StageTiming
from accel_bench.search.rules import Counts
from accel_bench.solving.drift import Calibration, calibrate
from accel_bench.solving.segments import Solver, forecast_of
from accel_bench.solving.solve_one import SolveOne
from accel_bench.solving.walk import Tally, Walker
from accel_bench.timing.measure import turns
from accel_bench.timing.pipeline import TimedPipeline
from accel_runtime import Pipeline, Request
from accel_runtime.backends import make_backend
from accel_runtime.bundle.bundle import read_bundle
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.plan import Deep, Plan
from accel_runtime.plans.rule import SIGNALS, Rule, Signal
from accel_runtime.plans.spec import PlanSpec

# Captions from here on calibrate; the ones before are judged.
JUDGED, CALIBRATION_SEED = 64, 1_000_000
STEPS, DEEP, GUIDANCE = 20, 6, 4.0
# What the rules may take: twice the static plan's deep calls at the same mean, or no more and 0.8 of them on average.
CAPS: Mapping[str, tuple[float, int]] = {"equal mean": (DEEP, 2 * DEEP), "equal worst": (0.8 * DEEP, DEEP)}


class Drawn(msgspec.Struct, frozen=True):
    """One picture: its squared error against the uncached one in units of 1/255, its deep calls, its seconds."""

    squared_error: float
    deep_calls: tuple[int, ...]
    seconds: float


class Trial(msgspec.Struct, frozen=True):
    """A plan on one scheduler, and its pictures."""

    scheduler: str
    name: str
    spec: PlanSpec
    drawn: tuple[Drawn, ...] = ()


class StudyRecord(msgspec.Struct, frozen=True):
    """All that was drawn so far."""

    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """One scheduler of the study."""

    pipeline: Pipeline
    scheduler: str
    requests: tuple[Request, ...]  # of the calibration

    @property
    def settings(self) -> Settings:
        """One picture at a time: a rule decides for each."""
        return Settings(STEPS, self.scheduler, guidance=GUIDANCE, batch=1)

    def compiled(self, spec: PlanSpec) -> Plan:
        """A plan on this scheduler."""
        return compile_for(self.pipeline, spec, settings=self.settings)

    def trials(self, skipping: int) -> Iterator[Trial]:
        """The uncached run, static plans and rules; ``skipping`` is how many deep calls take a plan's time alone."""
        trial = partial(Trial, self.scheduler)
        yield trial("uncached", BASELINE)
        yield trial("every:4, linear", PlanSpec(deep=f"every:{STEPS // (DEEP - 1)}", forecast=Forecast.LINEAR))
        yield trial("static, solved", self.placed())
        _, spec = SolveOne(self.pipeline, self.settings, self.requests, 0, (skipping, 0)).solve()
        yield trial("static, skipping", spec)
        for signal in SIGNALS:
            counts = Counts(partial(self.count, signal))
            for kind, (target, most_deep) in CAPS.items():
                threshold = finish(counts.threshold(target, most_deep))
                yield trial(f"{signal}, {kind}", rule_spec(signal, threshold, most_deep=most_deep))

    def placed(self) -> PlanSpec:
        """The solved plan of deep and shallow calls."""
        plan = self.compiled(BASELINE)
        calibration = Calibration(plan.schedule)
        walkers = [Walker.open(self.pipeline, each, plan=plan, branch=0, tally=Tally()) for each in self.requests[:8]]
        for _ in calibrate(walkers, calibration):
            pass
        solver = Solver.of(calibration)
        deep = solver.placements(None)[DEEP]
        weights = forecast_of(deep, solver.calls, strengths=solver.strengths(deep))
        return PlanSpec(deep=deep, weights={call: row for call, row in weights.items() if row != (1.0,)})

    def count(self, signal: Signal, threshold: float) -> tuple[int, ...]:
        """Deep calls of each picture of the calibration, without a cap."""
        plan = self.compiled(rule_spec(signal, threshold, most_deep=STEPS))
        return tuple(
            sum(isinstance(step.call, Deep) for step in self.pipeline.denoise(each, plan)) for each in self.requests[:8]
        )


def rule_spec(signal: Signal, threshold: float, *, most_deep: int) -> PlanSpec:
    """A rule with the forecast that static plans without solved weights do best with."""
    rule = Rule(signal=signal, threshold=threshold, most_deep=most_deep)
    return PlanSpec(deep=(0,), rule=rule, forecast=Forecast.LINEAR)


def draw(study: Study, trial: Trial, request: Request, *, reference: np.ndarray | None) -> tuple[Drawn, np.ndarray]:
    """One picture of a trial."""
    study.pipeline.forget_prompts()
    started = perf_counter()
    result = study.pipeline.generate(request, study.compiled(trial.spec))
    seconds = perf_counter() - started
    picture = result.images.astype(np.float64)
    error = 0.0 if reference is None else float(np.mean(np.square(picture - reference)))
    return Drawn(error, result.deep_calls, seconds), picture


def judge(studies: Mapping[str, Study], trials: list[Trial], *, captions: int) -> Iterator[list[Trial]]:
    """All trials after each caption."""
    texts = [each.caption for each in evaluation_captions(captions, 0)]
    order = turns(range(len(trials)))
    for at, text in enumerate(texts):
        request = Request((text,), seed=at)
        references = {
            trial.scheduler: draw(studies[trial.scheduler], trial, request, reference=None)
            for trial in trials
            if trial.name == "uncached"
        }
        for index in next(order):
            trial = trials[index]
            known, picture = references[trial.scheduler]
            if trial.name != "uncached":
                known, _ = draw(studies[trial.scheduler], trial, request, reference=picture)
            trials[index] = msgspec.structs.replace(trial, drawn=(*trial.drawn, known))
        yield trials


def show(trials: list[Trial]) -> Iterator[str]:
    """Lines of a table, with differences to the solved static plan in dB, picture by picture."""
    for trial in trials:
        base = next(each for each in trials if (each.scheduler, each.name) == (trial.scheduler, "uncached"))
        solved = next(each for each in trials if (each.scheduler, each.name) == (trial.scheduler, "static, solved"))
        counts = [len(each.deep_calls) for each in trial.drawn]
        pairs = zip(trial.drawn, base.drawn, strict=True)
        ratio = median(one.seconds / other.seconds for one, other in pairs)
        quality = psnr([each.squared_error for each in trial.drawn])
        better = mean(
            one.squared_error < other.squared_error for one, other in zip(trial.drawn, solved.drawn, strict=True)
        )
        shown = "" if quality is None else f"{quality:.2f}"
        yield (
            f"{trial.scheduler} | {trial.name} | {mean(counts):.2f} | {min(counts)}-{max(counts)} | "
            f"{ratio:.3f} | {shown} | {better:.0%}"
        )


def skipping_calls(bundle: Path) -> int:
    """How many deep calls alone take the time of a plan with `DEEP` deep calls and shallow ones between them.

    It is measured once, before all else: on a busy machine, look at the seconds of the pictures.
    """
    timing = StageTiming(
        TimedPipeline.open(read_bundle(bundle), make_backend("cpu")),
        branches=(0,),
        guidances=(GUIDANCE,),
        scheduler="ddim",
    )
    for _ in timing.run(Request(("a red apple",))):
        pass
    deep, shallow, loop = (median(each) for each in (*timing.times.calls.values(), timing.times.loop))
    note(f"a shallow call takes {shallow / deep:.3f} of a deep one")
    return int((DEEP * deep + (STEPS - DEEP) * shallow + STEPS * loop) / (deep + loop))


def main() -> None:
    """Run the study; an unfinished one is written too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("record", type=Path)
    parser.add_argument("--captions", type=int, default=JUDGED)
    parser.add_argument("--schedulers", default="ddim,euler,dpmpp_2m")
    arguments = parser.parse_args()
    pipeline = Pipeline(read_bundle(arguments.bundle), make_backend("cpu"))
    others = evaluation_captions(JUDGED + 16, 0)[JUDGED:]
    requests = tuple(Request((each.caption,), seed=CALIBRATION_SEED + at) for at, each in enumerate(others))
    studies = {name: Study(pipeline, name, requests) for name in arguments.schedulers.split(",")}
    skipping, trials = skipping_calls(arguments.bundle), list[Trial]()
    for name, study in studies.items():
        for trial in study.trials(skipping):
            trials.append(trial)
            note(f"{name}: {trial.name}")
    for found in judge(studies, trials, captions=arguments.captions):
        write_record(arguments.record, StudyRecord(tuple(found)))
        note(f"{len(found[0].drawn)} captions")
    for line in show(trials):
        print_line(line)


if __name__ == "__main__":
    main()
