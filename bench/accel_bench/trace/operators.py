"""One more image under ONNX Runtime's own profiler, which times each operator."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns, time_ns

import msgspec

from accel_bench.records.bench import ImageRun
from accel_bench.records.bundle import graph_names
from accel_bench.records.parts import PlanFacts
from accel_bench.timing.contender import PlanContender
from accel_bench.timing.meters import NoMeters
from accel_bench.timing.spans import Spans, TimedBackend
from accel_runtime.backends import OnnxRuntimeBackend
from accel_runtime.backends.onnxruntime import OnnxRuntimeSession
from accel_runtime.bundle.bundle import Bundle
from accel_runtime.bundle.forms import choose_form
from accel_runtime.manifest import TensorSpec
from accel_runtime.pipeline import Pipeline
from accel_runtime.plans.plan import Plan
from accel_runtime.request import Request


class Operator(msgspec.Struct, frozen=True):
    """One run of an operator.

    Attributes:
        name: Type of the operator, such as `Conv`, after ONNX Runtime's own optimisation.
        node: Name of its node in the graph.
        graph: Name of the graph.
        provider: Provider that ran it.
        start_s: Start in seconds since the image was begun.
        seconds: Duration.
    """

    name: str
    node: str
    graph: str
    provider: str
    start_s: float
    seconds: float


@dataclass(frozen=True, slots=True)
class ProfiledImage:
    """An image drawn under ONNX Runtime's profiler. The profiler slows it, so it is in no statistic.

    Attributes:
        name: Name of the plan.
        calls: Numbers of the UNet calls that ran.
        timesteps: Timestep of each of them.
    """

    name: str
    run: ImageRun
    calls: tuple[int, ...]
    timesteps: tuple[float, ...]
    operators: tuple[Operator, ...]


class KeepingBackend(OnnxRuntimeBackend):
    """ONNX Runtime with its sessions kept, so that their profiles can be read."""

    sessions: list[tuple[Path, OnnxRuntimeSession]]

    def __init__(
        self, provider: str, *, threads: int | None, options: Mapping[str, str] | None, profile_folder: Path
    ) -> None:
        super().__init__(provider, threads=threads, options=options, profile_folder=profile_folder)
        self.sessions = []

    def load(self, path: Path, *, inputs: Sequence[TensorSpec] = (), tolerant: bool = False) -> OnnxRuntimeSession:
        """Load the graph; see `Backend.load`."""
        session = super().load(path, inputs=inputs, tolerant=tolerant)
        self.sessions.append((path, session))
        return session


def profile_image(
    bundle: Bundle,
    request: Request,
    *,
    facts: PlanFacts,
    plan: Plan,
    warm_up: Plan,
    provider: str = "cpu",
    threads: int | None = None,
    options: dict[str, str] | None = None,
    form: str | None = None,
) -> ProfiledImage:
    """Draw ``request`` once with a profile of every operator, after ``warm_up``, which runs each graph once.

    Raises:
        AccelError: The provider is not available, or cannot run the plan or the ``form`` of graphs.
    """
    names = graph_names(bundle.manifest)
    with TemporaryDirectory() as folder:
        keeping = KeepingBackend(provider, threads=threads, options=options, profile_folder=Path(folder))
        spans = Spans()
        pipeline = Pipeline(bundle, TimedBackend(keeping, spans, names), form=choose_form(bundle, provider, form))
        contender = PlanContender(facts, pipeline, spans, request, plan, warm_up, NoMeters())
        contender.warm_up()
        run = contender.draw().run
        # ONNX Runtime counts from a reading of the system's clock, our spans from one of `perf_counter`.
        origin = time_ns() - perf_counter_ns() + round(spans.origin * 1e9)
        found = [
            operator
            for path, session in keeping.sessions
            for operator in _operators(session, names[f"{path.parent.name}/{path.name}"], origin=origin)
        ]
    # Operators of the warm-up ran before.
    during = sorted((each for each in found if each.start_s >= 0), key=lambda each: each.start_s)
    timesteps = tuple(row.timestep for row in plan.schedule.rows)
    return ProfiledImage(facts.name, run, facts.running_calls, timesteps, tuple(during))


def _operators(session: OnnxRuntimeSession, graph: str, *, origin: int) -> Iterator[Operator]:
    """The operators that a session noted; ``origin`` is the start of the image by the system's clock."""
    for path, started in session.end_profiles():
        for event in msgspec.json.decode(path.read_bytes()):
            if event.get("cat") == "Node" and "op_name" in event.get("args", {}):
                yield Operator(
                    name=event["args"]["op_name"],
                    node=event["name"].removesuffix("_kernel_time"),
                    graph=graph,
                    provider=event["args"].get("provider", ""),
                    start_s=(started - origin) / 1e9 + event["ts"] / 1e6,
                    seconds=event["dur"] / 1e6,
                )
