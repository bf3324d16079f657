"""One worker that draws samples for a load: in this process, or on another machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from accel_bench.plans.prepare import Settings, prepare
from accel_bench.scenarios.system import Samples
from accel_runtime.backends import BackendDescription, make_backend
from accel_runtime.bundle.bundle import Verification
from accel_runtime.pipeline import open_bundle
from accel_runtime.plans.spec import PlanSpec


@dataclass(frozen=True, slots=True)
class Turn:
    """What a worker does at a time: samples drawn together, with the plan or to warm up."""

    samples: tuple[int, ...]
    warm_up: bool = False


@dataclass(frozen=True, slots=True)
class Sampling:
    """What a worker is opened from; an `accel_bench.base.crew.Work`.

    Attributes:
        bundle: Folder of the bundle where the load was ordered.
        digest: Its digest.
        provider: Name of the backend.
        threads: Threads of a call; None leaves them to whoever opens the worker.
        options: Options of ONNX Runtime's provider.
        spec: The plan.
        settings: Settings of the run.
        prompts: Prompt of each sample.
    """

    bundle: Path
    digest: str
    provider: str
    threads: int | None
    options: Mapping[str, str]
    spec: PlanSpec
    settings: Settings
    prompts: tuple[str, ...]

    def open(self, folder: Path, *, threads: int | None = None) -> "Sampler":
        """See `accel_bench.base.crew.Work.open`."""
        return self._open(folder, threads=self.threads or threads, verification="hashes")

    def open_here(self) -> "Sampler":
        """Open a worker in this process, on the bundle whose hashes were just checked by who ordered the load.

        Raises:
            AccelError: As of `open`.
        """
        return self._open(self.bundle, threads=self.threads, verification="sizes")

    def _open(self, folder: Path, *, threads: int | None, verification: Verification) -> "Sampler":
        backend = make_backend(self.provider, threads=threads, options=self.options)
        pipeline = open_bundle(folder, backend, verification=verification, digest=self.digest)
        prepared = prepare(pipeline, [self.spec], settings=self.settings)[-1]
        return Sampler(Samples(pipeline, prepared.plan, prepared.warm_up, self.prompts, self.settings.seed))


@dataclass(frozen=True, slots=True, eq=False)
class Sampler:
    """The worker."""

    samples: Samples

    def do(self, item: Turn) -> float:
        """Draw samples together, and return the seconds that it took here."""
        return self.samples.warm_up(item.samples) if item.warm_up else self.samples.draw(item.samples)

    def describe(self) -> BackendDescription:
        """See `accel_bench.base.crew.Worker.describe`."""
        return self.samples.pipeline.describe()
