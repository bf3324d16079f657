"""Chooses prompts, and answers what a strategy asks: from the folder, or by drawing and scoring pictures."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from accel_bench.plans.prepare import Settings, compile_for, split
from accel_bench.quality.captions import Yardstick, evaluation_captions
from accel_bench.quality.loss import judge
from accel_bench.quality.prompts import read_prompts
from accel_bench.quality.scenes.scene import is_caption
from accel_bench.records.captions import Caption
from accel_bench.records.evaluation import Scores
from accel_bench.records.search import Score, StageTimes
from accel_bench.search.cost import compose_calls_s, compose_s
from accel_bench.search.labs import Labs
from accel_bench.search.space import FULL, Answer, Ask, Candidate, Proposer
from accel_bench.search.store import Entry, Store
from accel_bench.solving.drift import Calibration, Drift, calibrate
from accel_bench.solving.segments import Solver
from accel_bench.solving.walk import Tally, Walker
from accel_runtime.errors import InputError
from accel_runtime.pipeline import Pipeline
from accel_runtime.plans.plan import Deep, Plan
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.request import MOST_IMAGES, Request

if TYPE_CHECKING:
    from accel_bench.quality.scorers import Scorers  # brings torch, which only scoring needs

# Of the built-in captions, as `accel evaluate` has it by default.
_ORDER = 0
_DRIFT_PICTURES = 8
# Far from the seeds of judged pictures.
_CALIBRATION_SEED = 1_000_000


@dataclass(frozen=True, slots=True)
class Prompts:
    """The prompts of a search.

    Attributes:
        judged: Batches of one size.
        captions: Captions of each batch.
        calibration: Batches of that size that are never judged.
    """

    judged: tuple[Request, ...]
    captions: tuple[Sequence[Caption] | Sequence[str], ...]
    calibration: tuple[Request, ...]


def choose_prompts(
    path: Path | None, *, samples: int, calibration: int, settings: Settings, of: Yardstick = Yardstick.EMOJI
) -> tuple[Prompts, tuple[str, ...]]:
    """The first ones are judged, the last ones calibrate, so that more may be judged later.

    Args:
        path: A file that `read_prompts` reads; None takes the held-out captions of the yardstick.
        samples: Number of prompts to judge.
        calibration: Number of prompts to calibrate with; 0 for strategies that solve nothing.
        settings: The batch, and the seed of the first judged picture.
        of: The yardstick of the model.

    Returns:
        The prompts, and all that they are taken from.

    Raises:
        InputError: There are fewer than are to be judged, or they do not divide into batches.
    """
    source: Sequence[Caption] | Sequence[str]
    source = evaluation_captions(None, _ORDER, of=of) if path is None else read_prompts(path)
    texts = tuple(each if isinstance(each, str) else each.caption for each in source)
    if not 1 <= samples <= len(texts):
        where = "the built-in captions" if path is None else str(path)
        raise InputError(f"--num-prompts: expected 1 to {len(texts)}, the prompts of {where}, got {samples}")
    judged = split(texts[:samples], settings)
    size = settings.batch
    captions = tuple(source[at : at + size] for at in range(0, samples, size))
    return Prompts(judged, captions, _calibration(texts, calibration, settings)), texts


def check_score(score: Score, prompts: Prompts, *, of: Yardstick) -> None:
    """Refuse scores that the captions have no answer to.

    Raises:
        InputError: The score asks for captions of scenes, or for others.
    """
    if score is Score.EMOJI_CLIP and of is Yardstick.SCENES:
        raise InputError("--score emoji-clip: knows no scenes: take --score facts or psnr")
    texts = [prompt for batch in prompts.judged for prompt in batch.prompts]
    others = [text for text in texts if not is_caption(text)]
    if score is Score.FACTS and others:
        raise InputError(f"--score facts: expected captions of scenes, got '{others[0]}': take --score psnr")


def _calibration(texts: Sequence[str], count: int, settings: Settings) -> tuple[Request, ...]:
    if count == 0:
        return ()
    if count % settings.batch or not settings.batch <= count <= MOST_IMAGES:
        expected = f"a multiple of the batch, {settings.batch}, of at most {MOST_IMAGES}"
        raise InputError(f"--calibration: expected {expected}, got {count}")
    repeated = [texts[index % len(texts)] for index in range(-count, 0)]
    return tuple(
        Request(tuple(repeated[at : at + settings.batch]), seed=_CALIBRATION_SEED + settings.seed + at)
        for at in range(0, count, settings.batch)
    )


@dataclass(eq=False)
class Driver:
    """Runs a search.

    Attributes:
        settings: Settings of the baseline.
        times: Times of all graphs.
        labs: Solves plans with skipped calls.
    """

    pipeline: Pipeline
    settings: Settings
    prompts: Prompts
    scorers: "Scorers"
    score: Score
    store: Store
    times: StageTimes
    labs: Labs
    _plans: dict[PlanSpec, Plan] = field(default_factory=dict)
    _references: dict[int, NDArray[np.uint8]] = field(default_factory=dict)

    def run(self, proposer: Proposer) -> Iterator[str]:
        """Judge the baseline and answer until the strategy ends, yielding what was just done."""
        yield from self._judge(FULL, len(self.prompts.judged))
        try:
            ask = next(proposer)
            while True:
                answers = yield from self.answer(ask)
                ask = proposer.send(answers)
        except StopIteration:
            return

    def answer(self, ask: Ask) -> Generator[str, None, list[Answer]]:
        """Solve what is unsolved and judge each candidate, yielding after every batch."""
        found = []
        candidates = [*ask.candidates]
        for unsolved in ask.unsolved:
            candidates.append((yield from self.labs.solve(unsolved)))  # noqa: PERF401  # which cannot yield from
        for candidate in candidates:
            yield from self._judge(candidate, ask.batches)
            found.append(self.compare(candidate, ask.batches))
        return found

    def solvers(self, steps: Sequence[int], *, branch: int) -> Generator[str, None, dict[int, Solver]]:
        """Calibrate each number of steps, yielding what was just done; parts that the folder has are not run again."""
        found = {}
        for each in steps:
            plan = self.plan(PlanSpec(deep=FULL.spec.deep, steps=each))
            calibration = Calibration(plan.schedule)
            # Drift takes n²/2 shallow calls of every picture, and more pictures hardly change it.
            requests = self.prompts.calibration[: max(1, _DRIFT_PICTURES // self.settings.batch)]
            for part, request in enumerate(requests):
                name = f"{each}-{branch}-{part}-of-{len(requests)}"
                yield from self._calibrate(calibration, name, request=request, plan=plan, branch=branch)
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

    def _judge(self, candidate: Candidate, batches: int) -> Iterator[str]:
        entry = self.store.entry(candidate)
        for batch in range(len(entry.batches), batches):
            pictures, deep = self._draw(candidate.spec, batch)
            decided = (*entry.deep_calls, deep) if candidate.spec.rule else ()
            entry = Entry(candidate, (*entry.batches, self.score_batch(pictures, batch)), decided)
            self.store.keep(entry)
            yield f"{candidate.family} {candidate.name}, batch {batch + 1}"

    def score_batch(self, pictures: NDArray[np.uint8], batch: int) -> Scores:
        """Score the pictures of a batch, [B, H, W, 3], against the baseline's."""
        return self.scorers.score(pictures, self._reference(batch), captions=self.prompts.captions[batch])

    def compare(self, candidate: Candidate, batches: int) -> Answer:
        """Compare a candidate with the baseline on the first ``batches`` batches, on which both were judged."""
        ours, theirs = (joined(self._batches(each, batches)) for each in (candidate, FULL))
        return Answer(candidate, self.predict(candidate), judge(ours, theirs, self.score))

    def _batches(self, candidate: Candidate, count: int) -> Sequence[Scores]:
        known = self.store.entry(candidate).batches[:count]
        if len(known) < count:
            raise InputError(f"{self.store.folder}: another process lost a result, {candidate.name}: search again")
        return known

    def _draw(self, spec: PlanSpec, batch: int) -> tuple[NDArray[np.uint8], tuple[int, ...]]:
        """The pictures of a batch, and the numbers of the deep calls that made them."""
        plan = self.plan(spec)
        if spec == FULL.spec:
            return self._reference(batch), plan.deep_calls
        drawn = self.pipeline.generate(self.prompts.judged[batch], plan)
        return drawn.images, drawn.deep_calls

    def _reference(self, batch: int) -> NDArray[np.uint8]:
        if batch not in self._references:
            request, own = self.prompts.judged[batch], self.pipeline.bundle.manifest.state.sample_size
            known = self.store.reference(batch, (request.images, *own, 3))
            if known is None:
                known = self.pipeline.generate(self.prompts.judged[batch], self.plan(FULL.spec)).images
                self.store.keep_reference(batch, known)
            self._references[batch] = known
        return self._references[batch]

    def _calibrate(
        self, calibration: Calibration, name: str, *, request: Request, plan: Plan, branch: int
    ) -> Iterator[str]:
        known = self.store.calibration(name, calls=len(plan.calls))
        if known is None:
            tally = Tally()
            walker = Walker.open(self.pipeline, request, plan=plan, branch=branch, tally=tally)
            for done in calibrate([walker], calibration):
                yield f"calibration of {len(plan.calls)} calls: {done}"
            self.store.keep_calibration(
                name,
                errors=calibration.parts[-1].errors,
                gains=np.array(calibration.gains),
                calls=np.array([tally.deep, tally.shallow]),
            )
            return
        calibration.parts.append(Drift(known["errors"]))
        if not calibration.gains:
            calibration.gains += [(int(call), float(gain)) for call, gain in known["gains"]]


def joined(batches: Sequence[Scores]) -> Scores:
    """Scores of batches as one."""
    fields: Mapping[str, tuple[float, ...]] = {
        name: tuple(value for part in batches for value in getattr(part, name)) for name in Scores.__struct_fields__
    }
    return Scores(**fields)  # type: ignore[arg-type]  # each field has its own type, which msgspec checked when read
