"""Where the time goes: a backend that notes how long every graph runs, around any other backend."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from accel_runtime.backends import Artifact, Backend, BackendDescription, BoundCall, Buffer, Session


@dataclass(frozen=True, slots=True)
class Span:
    """One run of one graph; ``graph`` is its file in the bundle, such as `unet/shallow_0.onnx`."""

    graph: str
    seconds: float


@dataclass(eq=False)
class Spans:
    """The spans noted so far; `take` hands them over and starts afresh."""

    noted: list[Span] = field(default_factory=list)

    def take(self) -> tuple[Span, ...]:
        """All spans since the last call."""
        spans = tuple(self.noted)
        self.noted.clear()
        return spans


@dataclass(frozen=True, slots=True, eq=False)
class TimedBackend:
    """Runs everything on ``backend`` and notes each run in ``spans``."""

    backend: Backend
    spans: Spans

    @property
    def name(self) -> str:
        """The inner backend's."""
        return self.backend.name

    @property
    def on_host(self) -> bool:
        """The inner backend's."""
        return self.backend.on_host

    @property
    def artifact(self) -> Artifact:
        """The inner backend's."""
        return self.backend.artifact

    def load(self, path: Path) -> "TimedSession":
        """Load the graph; see `Backend.load`."""
        return TimedSession(self.backend.load(path), f"{path.parent.name}/{path.name}", self.spans)

    def allocate(self, shape: tuple[int, ...], dtype: str = "float32") -> Buffer:
        """See `Backend.allocate`."""
        return self.backend.allocate(shape, dtype)

    def describe(self) -> BackendDescription:
        """The inner backend's description: timing changes nothing."""
        return self.backend.describe()


@dataclass(frozen=True, slots=True, eq=False)
class TimedSession:
    """A session whose calls are timed."""

    session: Session
    graph: str
    spans: Spans

    def bind(self, inputs: Mapping[str, Buffer], outputs: Mapping[str, Buffer]) -> "TimedCall":
        """See `Session.bind`."""
        return TimedCall(self.session.bind(inputs, outputs), self.graph, self.spans)


@dataclass(frozen=True, slots=True, eq=False)
class TimedCall:
    """A bound call that is timed."""

    call: BoundCall
    graph: str
    spans: Spans

    def run(self) -> None:
        """Run, and note how long it took."""
        started = perf_counter()
        self.call.run()
        self.spans.noted.append(Span(self.graph, perf_counter() - started))
