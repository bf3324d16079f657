"""Answers what a strategy asks: from the folder, or by letting workers draw and score pictures."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import mean
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from accel_bench.base.crew import Crew, Here
from accel_bench.base.work import prefixed
from accel_bench.plans.prepare import Settings, compile_for
from accel_bench.quality.loss import judge
from accel_bench.records.evaluation import Scores
from accel_bench.records.search import Score, StageTimes
from accel_bench.search.cost import compose_calls_s, compose_s
from accel_bench.search.labs import Labs
from accel_bench.search.prompts import Prompts
from accel_bench.search.space import FULL, Answer, Ask, Candidate, Proposer
from accel_bench.search.store import Entry, Store
from accel_bench.search.worker import Draw, Drift, Judge, Judged, SearchWorker, calibration_part
from accel_bench.solving import drift
from accel_bench.solving.drift import Calibration
from accel_bench.solving.segments import Solver
from accel_bench.solving.walk import Tally, Walker
from accel_runtime.errors import InputError
from accel_runtime.pipeline import Pipeline
from accel_runtime.plans.plan import Deep, Plan
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.request import Request

if TYPE_CHECKING:
    from accel_bench.quality.scorers import Scorers  # brings torch, which only scoring needs

_DRIFT_PICTURES = 8


@dataclass(eq=False)
class Driver:
    """Runs a search.

    Attributes:
        settings: Settings of the baseline.
        times: Times of all graphs.
        labs: Solves plans with skipped calls.
        spread: Workers of a cluster; None lets this process do all.
    """

    pipeline: Pipeline
    settings: Settings
    prompts: Prompts
    scorers: "Scorers"
    score: Score
    store: Store
    times: StageTimes
    labs: Labs
    spread: Crew[Any, Any] | None = None
    _plans: dict[PlanSpec, Plan] = field(default_factory=dict)
    _references: dict[int, NDArray[np.uint8]] = field(default_factory=dict)

    def run(self, proposer: Proposer) -> Iterator[str]:
        """Judge the baseline and answer until the strategy ends, yielding what was just done."""
        yield from self._judge([FULL], len(self.prompts.judged))
        try:
            ask = next(proposer)
            while True:
                answers = yield from self.answer(ask)
                ask = proposer.send(answers)
        except StopIteration:
            return

    def answer(self, ask: Ask) -> Generator[str, None, list[Answer]]:
        """Solve what is unsolved and judge each candidate, yielding after every batch."""
        candidates = [*ask.candidates]
        for unsolved in ask.unsolved:
            candidates.append((yield from self.labs.solve(unsolved)))  # noqa: PERF401  # which cannot yield from
        yield from self._judge(candidates, ask.batches)
        return [self.compare(candidate, ask.batches) for candidate in candidates]

    def solvers(self, steps: Sequence[int], *, branch: int) -> Generator[str, None, dict[int, Solver]]:
        """Calibrate each number of steps, yielding what was just done; parts that the folder has are not run again."""
        found = {}
        for each in steps:
            plan = self.plan(PlanSpec(deep=FULL.spec.deep, steps=each))
            calibration = Calibration(plan.schedule)
            # Drift takes n²/2 shallow calls of every picture, and more pictures hardly change it.
            requests = self.prompts.calibration[: max(1, _DRIFT_PICTURES // self.settings.batch)]
            names = [f"{each}-{branch}-{part}-of-{len(requests)}" for part in range(len(requests))]
            yield from self._calibrate_ahead(names, steps=each, branch=branch, calls=len(plan.calls))
            for part, request in enumerate(requests):
                yield from self._calibrate(calibration, names[part], request=request, plan=plan, branch=branch)
            found[each] = Solver.of(calibration)
        return found

    def predict(self, candidate: Candidate) -> float:
        """Seconds of one image."""
        decided = self.store.entry(candidate).deep_calls if candidate.spec.rule else ()
        deep = mean(map(len, decided)) if decided else None
        return compose_s(self.times, self.plan(candidate.spec), deep=deep)

    def count_deep(self, request: Request, plan: Plan) -> int:
        """Run a plan without a look at its pictures; returns how many calls ran deep."""
        return sum(isinstance(step.call, Deep) for step in self.pipeline.denoise(request, plan))

    def predict_calls(self, deep: int, shallow: int, *, branch: int) -> float:
        """Seconds of one image with so many calls of each kind."""
        return compose_calls_s(self.times, deep=deep, shallow=shallow, guidance=self.settings.guidance, branch=branch)

    def plan(self, spec: PlanSpec) -> Plan:
        """Compile a plan."""
        if spec not in self._plans:
            self._plans[spec] = compile_for(self.pipeline, spec, settings=self.settings)
        return self._plans[spec]

    def spent(self) -> dict[str, int]:
        """UNet calls of one picture each that the folder's results took, of calibrations and of trials."""
        count = {"deep": 0, "shallow": 0}
        for entry in self.store.entries():
            pictures = len(entry.batches) * self.settings.batch
            plan = self.plan(entry.candidate.spec)
            decided = sum(map(len, entry.deep_calls)) * self.settings.batch
            deep = decided if plan.rule else pictures * len(plan.deep_calls)
            count["deep"] += deep
            count["shallow"] += pictures * len(plan.calls) - deep
        return {**count, **{f"calibration {name}": calls for name, calls in self.store.calibration_calls().items()}}

    @cached_property
    def crew(self) -> Crew[Any, Any]:
        """Who draws and judges."""
        if self.spread is not None:
            return self.spread
        return Here(SearchWorker(self.pipeline, self.settings, prompts=self.prompts, scorers=self.scorers))

    def _judge(self, candidates: Sequence[Candidate], batches: int) -> Iterator[str]:
        """Judge what is not judged yet, yielding after every batch."""
        entries = {each.spec: self.store.entry(each) for each in candidates}
        missing = [(spec, batch) for spec, entry in entries.items() for batch in range(len(entry.batches), batches)]
        yield from self._draw_references(sorted({batch for _, batch in missing}))
        waiting: dict[tuple[PlanSpec, int], Judged] = {}
        for item, judged in self.crew.map(Judge(spec, batch, self._references[batch]) for spec, batch in missing):
            waiting[item.spec, item.batch] = judged
            entry = entries[item.spec]
            # Batches are kept in their order, and may come in another.
            while (key := (item.spec, len(entry.batches))) in waiting:
                entries[item.spec] = entry = _with_batch(entry, waiting.pop(key))
                self.store.keep(entry)
            yield f"{entry.candidate.family} {entry.candidate.name}, batch {item.batch + 1}"

    def score_batch(self, pictures: NDArray[np.uint8], batch: int) -> Scores:
        """Score the pictures of a batch, [B, H, W, 3], against the baseline's."""
        for _ in self._draw_references([batch]):
            pass
        return self.scorers.score(pictures, self._references[batch], captions=self.prompts.captions[batch])

    def compare(self, candidate: Candidate, batches: int) -> Answer:
        """Compare a candidate with the baseline on the first ``batches`` batches, on which both were judged."""
        ours, theirs = (joined(self._batches(each, batches)) for each in (candidate, FULL))
        return Answer(candidate, self.predict(candidate), judge(ours, theirs, self.score))

    def _batches(self, candidate: Candidate, count: int) -> Sequence[Scores]:
        known = self.store.entry(candidate).batches[:count]
        if len(known) < count:
            raise InputError(f"{self.store.folder}: another process lost a result, {candidate.name}: search again")
        return known

    def _draw_references(self, batches: Sequence[int]) -> Iterator[str]:
        """Draw the baseline's pictures of batches that neither we nor the folder has."""
        size = self.pipeline.bundle.manifest.state.sample_size
        for batch in (each for each in batches if each not in self._references):
            known = self.store.reference(batch, (self.prompts.judged[batch].images, *size, 3))
            if known is not None:
                self._references[batch] = known
        for item, pictures in self.crew.map(Draw(batch) for batch in batches if batch not in self._references):
            self.store.keep_reference(item.batch, pictures)
            self._references[item.batch] = pictures
            yield f"uncached pictures, batch {item.batch + 1}"

    def _calibrate_ahead(self, names: Sequence[str], *, steps: int, branch: int, calls: int) -> Iterator[str]:
        """Let a cluster make the parts that the folder lacks, where `_calibrate` finds them."""
        if self.spread is None:
            return
        lacking = [part for part, name in enumerate(names) if self.store.calibration(name, calls=calls) is None]
        for item, arrays in self.spread.map(Drift(steps, branch, part) for part in lacking):
            self.store.keep_calibration(names[item.part], **arrays)
            yield f"calibration of {calls} calls: batch {item.part + 1}"

    def _calibrate(
        self, calibration: Calibration, name: str, *, request: Request, plan: Plan, branch: int
    ) -> Iterator[str]:
        known = self.store.calibration(name, calls=len(plan.calls))
        if known is None:
            walker = Walker.open(self.pipeline, request, plan=plan, branch=branch, tally=Tally())
            prefix = f"calibration of {len(plan.calls)} calls"
            known = yield from prefixed(prefix, calibration_part(walker, with_gains=not calibration.gains))
            self.store.keep_calibration(name, **known)
        calibration.parts.append(drift.Drift(known["errors"]))
        if not calibration.gains:
            calibration.gains += [(int(call), float(gain)) for call, gain in known["gains"]]


def _with_batch(entry: Entry, judged: Judged) -> Entry:
    decided = (*entry.deep_calls, judged.deep_calls) if entry.candidate.spec.rule else ()
    return Entry(entry.candidate, (*entry.batches, judged.scores), decided)


def joined(batches: Sequence[Scores]) -> Scores:
    """Scores of batches as one."""
    fields: Mapping[str, tuple[float, ...]] = {
        name: tuple(value for part in batches for value in getattr(part, name)) for name in Scores.__struct_fields__
    }
    return Scores(**fields)  # type: ignore[arg-type]  # each field has its own type, which msgspec checked when read
