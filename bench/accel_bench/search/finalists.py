"""The end of a search: finalists timed end to end, the pick, and the record."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

import msgspec

from accel_bench.base.stats import median_ratio
from accel_bench.benchmark.record import make_record
from accel_bench.plans.prepare import prepare
from accel_bench.records.bench import BenchRecord
from accel_bench.records.environment import Environment, peak_rss_bytes
from accel_bench.records.evaluation import Scores
from accel_bench.records.head import make_head
from accel_bench.records.parts import Doubt, PlanFacts
from accel_bench.records.search import Asked, Goal, SearchRecord, Tried
from accel_bench.records.store import seal
from accel_bench.search.driver import Driver, joined
from accel_bench.search.goal import front, rank
from accel_bench.search.space import FULL, Answer, Candidate, Space
from accel_bench.timing.measure import Measurement, StopRule, measure
from accel_bench.timing.pipeline import TimedPipeline
from accel_runtime.request import Request

# How many that meet the goal are timed, and how many of the front beside them.
_RANKED, _SHOWN = 3, 3
# Composed times may be off by so much, so one that is faster still is timed too.
_RESERVE = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Finish:
    """The steps after a strategy has ended.

    Attributes:
        driver: With everything judged.
        batches: Batches that a candidate must have been judged on to be picked.
        timed: Pipeline that times the finalists.
    """

    driver: Driver
    goal: Goal
    batches: int
    timed: TimedPipeline
    environment: Environment
    image_s: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def complete(self) -> list[Answer]:
        """Every candidate of the folder, whichever strategy asked for it, that was judged on all batches."""
        entries = [entry for entry in self.driver.store.entries() if len(entry.batches) >= self.batches]
        return [self.driver.compare(entry.candidate, self.batches) for entry in entries]

    @property
    def baseline_s(self) -> float:
        """Composed seconds of the baseline's image."""
        return self.driver.predict(FULL)

    def finalists(self) -> tuple[Candidate, ...]:
        """The candidates that meet the goal best, and some of the front, evenly spread."""
        answers = [answer for answer in self.complete() if answer.candidate != FULL]
        edge = front(answers)
        spread = [edge[index * (len(edge) - 1) // max(1, _SHOWN - 1)] for index in range(_SHOWN)] if edge else []
        ranked = rank(self.goal, answers, baseline_s=self.baseline_s)
        limit = (1 - _RESERVE) * self.goal.slowest(self.baseline_s)
        safe = [each for each in ranked if each.seconds <= limit][:1] if self.goal.bounds_speed else []
        return tuple({each.candidate.id: each.candidate for each in (*ranked[:_RANKED], *safe, *spread)}.values())

    def measure(self, candidates: Sequence[Candidate], stop: StopRule) -> Generator[str, None, BenchRecord]:
        """Time candidates against the baseline in the same rounds, yielding their names; returns the record."""
        driver = self.driver
        prompt = driver.prompts.judged[0].prompts[0]
        settings = replace(driver.settings, batch=1)
        request = Request((prompt,), seed=settings.seed)
        specs = [each.spec for each in candidates]
        prepared = prepare(self.timed.pipeline, specs, settings=driver.settings)
        contenders = [self.timed.contender(each, request=request) for each in prepared]
        measurement = Measurement()
        yield from measure(contenders, stop, into=measurement)
        by_name = {each.name: each.id for each in (FULL, *candidates)}
        for name, runs in measurement.runs.items():
            self.image_s[by_name[name]] = tuple(run.seconds for run in runs)
        return make_record(contenders, measurement, environment=self.environment, settings=settings)

    def pick(self) -> Candidate | None:
        """The most wanted finalist by its times end to end; None where none meets the goal."""
        full = self.image_s[FULL.id]
        timed = [
            replace(answer, seconds=median(full) / median_ratio(full, self.image_s[answer.candidate.id]))
            for answer in self.complete()
            if answer.candidate != FULL and answer.candidate.id in self.image_s
        ]
        ranked = rank(self.goal, timed, baseline_s=median(full))
        return ranked[0].candidate if ranked else None

    def record(
        self,
        asked: Asked,
        *,
        space: Space,
        chosen: Candidate | None,
        finalists: BenchRecord,
        bfloat16: Scores | None,
    ) -> SearchRecord:
        """All that the folder knows of these prompts."""
        driver, first = self.driver, self.driver.prompts.judged[: self.batches]
        record = SearchRecord(
            kind="search",
            format=2,
            **make_head(
                driver.pipeline.bundle,
                driver.pipeline.describe(),
                workload=msgspec.structs.replace(finalists.workload, batch=driver.settings.batch),
                environment=self.environment,
            ),
            goal=self.goal,
            asked=asked,
            prompts=tuple(prompt for batch in first for prompt in batch.prompts),
            scorers=driver.scorers.versions,
            stages=driver.times,
            calls=driver.spent(),
            grid_calls=self._grid_calls(space),
            tried=tuple(self._tried()),
            chosen=None if chosen is None else chosen.id,
            finalists=finalists.id,
            peak_rss_bytes=peak_rss_bytes(),
            doubts=tuple(self._doubts()),
            bfloat16=bfloat16,
        )
        return seal(record)

    def _tried(self) -> Iterator[Tried]:
        """The baseline, then all others by their composed seconds."""
        driver = self.driver
        entries = sorted(
            (entry for entry in driver.store.entries() if entry.candidate != FULL),
            key=lambda entry: (-driver.predict(entry.candidate), entry.candidate.id),
        )
        for entry in (driver.store.entry(FULL), *entries):
            candidate = entry.candidate
            plan = driver.plan(candidate.spec)
            yield Tried(
                id=candidate.id,
                family=candidate.family,
                facts=PlanFacts.of(candidate.spec, plan, name=candidate.name),
                composed_s=driver.predict(candidate),
                image_s=self.image_s.get(candidate.id, ()),
                scores=joined(entry.batches[: self.batches]),
                deep_calls=entry.deep_calls[: self.batches],
            )

    def _grid_calls(self, space: Space) -> dict[str, int]:
        pictures = self.batches * self.driver.settings.batch
        plans = [self.driver.plan(spec) for spec in {each.spec for each in space.grid()}]
        deep = sum(len(plan.deep_calls) for plan in plans)
        calls = sum(len(plan.calls) for plan in plans)
        return {"trials": len(plans), "deep": pictures * deep, "shallow": pictures * (calls - deep)}

    def _doubts(self) -> Iterator[Doubt]:
        judged = {prompt for request in self.driver.prompts.judged for prompt in request.prompts}
        calibrated = {prompt for request in self.driver.prompts.calibration for prompt in request.prompts}
        if judged & calibrated:
            text = f"{len(judged & calibrated)} prompts were both solved with and judged, with other seeds"
            yield Doubt("shared-prompts", "", text, "give more prompts than are judged")
