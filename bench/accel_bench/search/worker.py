"""What a search lets workers do: draw, judge, and run the model for calibrations. The driver alone keeps results."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from accel_bench.base.extras import extra
from accel_bench.base.work import finish
from accel_bench.plans.prepare import BASELINE, Settings, compile_for
from accel_bench.quality.captions import Yardstick
from accel_bench.records.environment import machine_name, read_environment
from accel_bench.records.evaluation import Scores
from accel_bench.search.prompts import Prompts
from accel_bench.solving.drift import Calibration, calibrate
from accel_bench.solving.teacher import Teacher, teach
from accel_bench.solving.walk import Tally, Walker
from accel_runtime.backends import BackendDescription, make_backend
from accel_runtime.errors import BackendError
from accel_runtime.pipeline import Pipeline, open_bundle
from accel_runtime.plans.deep_calls import CallNumber
from accel_runtime.plans.plan import Plan
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.request import Result

if TYPE_CHECKING:
    from accel_bench.quality.scorers import Scorers  # brings torch, which only scoring needs

# What a part of a calibration is kept as, by name.
Arrays: TypeAlias = dict[str, NDArray[Any]]

# Says that gains are known already, so that they are not measured.
_KNOWN: Final = [(0, 0.0)]


@dataclass(frozen=True, slots=True)
class Draw:
    """The baseline's pictures of a batch; becomes pictures [B, H, W, 3]."""

    batch: int


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """A plan on a batch; becomes `Judged`.

    Attributes:
        spec: The plan.
        batch: Number of the batch.
        reference: The baseline's pictures of the batch, [B, H, W, 3].
    """

    spec: PlanSpec
    batch: int
    reference: NDArray[np.uint8]

    def __str__(self) -> str:
        """As in messages."""
        return f"a plan on batch {self.batch + 1}"


@dataclass(frozen=True, slots=True)
class Judged:
    """What a plan did on a batch.

    Attributes:
        scores: Scores of its pictures.
        deep_calls: Numbers of the calls that ran deep.
    """

    scores: Scores
    deep_calls: tuple[CallNumber, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """A batch of the calibration of deep and shallow calls; becomes arrays of `calibration_part`."""

    steps: int
    branch: int
    part: int


@dataclass(frozen=True, slots=True)
class Lesson:
    """A batch of the calibration of skipped calls; becomes arrays of `teacher_part`."""

    steps: int
    branch: int
    part: int
    window: int


Item: TypeAlias = Draw | Judge | Drift | Lesson


@dataclass(frozen=True, slots=True, eq=False)
class SearchWorker:
    """Does a search's items on one pipeline.

    Attributes:
        settings: Settings of the baseline.
    """

    pipeline: Pipeline
    settings: Settings
    prompts: Prompts
    scorers: "Scorers"

    def do(self, item: Item) -> Any:
        """Do an item; its class says what it becomes."""
        if isinstance(item, Draw):
            return self._draw(BASELINE, item.batch).images
        if isinstance(item, Judge):
            return self._judge(item)
        request = self.prompts.calibration[item.part]
        plan, tally = self._plan(BASELINE.with_defaults(steps=item.steps, scheduler=None)), Tally()
        walker = Walker.open(self.pipeline, request, plan=plan, branch=item.branch, tally=tally)
        if isinstance(item, Drift):
            return finish(calibration_part(walker, with_gains=item.part == 0))
        return teacher_arrays(finish(teach(walker, window=item.window, with_gains=item.part == 0)), tally)

    def describe(self) -> BackendDescription:
        """See `accel_bench.base.crew.Worker.describe`."""
        return self.pipeline.describe()

    def _judge(self, item: Judge) -> Judged:
        if item.spec == BASELINE:
            pictures, deep = item.reference, self._plan(BASELINE).deep_calls
        else:
            drawn = self._draw(item.spec, item.batch)
            pictures, deep = drawn.images, drawn.deep_calls
        return Judged(self.scorers.score(pictures, item.reference, captions=self.prompts.captions[item.batch]), deep)

    def _draw(self, spec: PlanSpec, batch: int) -> Result:
        return self.pipeline.generate(self.prompts.judged[batch], self._plan(spec))

    def _plan(self, spec: PlanSpec) -> Plan:
        return compile_for(self.pipeline, spec, settings=self.settings)


@dataclass(frozen=True, slots=True)
class SearchWork:
    """What a worker of a search is opened from; a `Work`.

    Attributes:
        bundle: Folder of the bundle where the search was ordered.
        digest: Its digest.
        provider: Name of the backend.
        options: Options of ONNX Runtime's provider.
        settings: Settings of the baseline.
        prompts: Prompts of the search.
        of: The yardstick of the model.
        clip: Folder of a CLIP checkpoint, which all machines must see; None where none is asked for.
        scorers: Versions of all that scores.
        machine: Kind of the machines.
    """

    bundle: Path
    digest: str
    provider: str
    options: Mapping[str, str]
    settings: Settings
    prompts: Prompts
    of: Yardstick
    clip: Path | None
    scorers: Mapping[str, str]
    machine: str

    def open(self, folder: Path, *, threads: int | None = None) -> SearchWorker:
        """See `accel_bench.base.crew.Work.open`; a machine of another kind, or with other scorers, is refused."""
        if (here := machine_name(read_environment())) != self.machine:
            raise BackendError(f"is {here}, and the search of {self.machine}: a search is of one kind of machine")
        with extra("quality"):
            from accel_bench.quality.scorers import Scorers  # noqa: PLC0415  # brings torch
        scorers = Scorers.open(of=self.of, clip=self.clip)
        known = self.scorers
        for name in sorted({*known, *scorers.versions}):
            if (own := scorers.versions.get(name)) != known.get(name):
                raise BackendError(f"has another {name}, {own}, not {known.get(name)}: install the same")
        backend = make_backend(self.provider, threads=threads, options=self.options)
        return SearchWorker(open_bundle(folder, backend, digest=self.digest), self.settings, self.prompts, scorers)


def calibration_part(walker: Walker, *, with_gains: bool) -> Generator[str, None, Arrays]:
    """Run one batch of a calibration, yielding what was just done; returns `errors`, `gains` and `calls`."""
    calibration = Calibration(walker.plan.schedule, gains=[] if with_gains else [*_KNOWN])
    yield from calibrate([walker], calibration)
    gains = calibration.gains if with_gains else []
    return {
        "errors": calibration.parts[-1].errors,
        "gains": np.array(gains, np.float64).reshape(-1, 2),
        "calls": _calls(walker.tally),
    }


def teacher_arrays(made: Teacher, tally: Tally) -> Arrays:
    """What is kept of a teacher."""
    return {
        "latents": made.latents,
        "noises": made.noises,
        "shallow": made.shallow,
        "gains": np.array(made.gains, np.float64).reshape(-1, 2),
        "calls": _calls(tally),
    }


def _calls(tally: Tally) -> NDArray[Any]:
    return np.array([tally.deep, tally.shallow])
