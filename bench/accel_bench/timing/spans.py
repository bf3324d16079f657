"""Where the time goes: a backend around another one that notes how long every graph loads and runs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from accel_bench.records.parts import Span
from accel_runtime.backends import Artifact, Backend, BackendDescription, BoundCall, Buffer, Session
from accel_runtime.manifest import TensorSpec


@dataclass(eq=False)
class Spans:
    """Times noted while an image is drawn.

    Attributes:
        origin: Start of the image, in seconds of `perf_counter`.
        noted: Spans of the image so far, in the order in which they ended.
        loads: Seconds of loading and binding each graph since the backend was made; some compile on binding.
    """

    origin: float = 0.0
    noted: list[Span] = field(default_factory=list)
    loads: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def begin(self) -> None:
        """Start the notes of another image."""
        self.noted.clear()
        self.origin = perf_counter()

    def note(self, name: str, started: float) -> None:
        """Note a span that began at ``started`` and ends now."""
        self.noted.append(Span(name, started - self.origin, perf_counter() - started))


@dataclass(frozen=True, slots=True, eq=False)
class TimedBackend:
    """A backend that runs graphs on another one and notes each load and run.

    Attributes:
        backend: Backend that runs the graphs.
        spans: Where times are noted.
        names: Name of each graph by its file in the bundle; other files are named by their stem.
    """

    backend: Backend
    spans: Spans
    names: Mapping[str, str] = field(default_factory=dict)

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

    def load(self, path: Path, *, inputs: Sequence[TensorSpec] = (), tolerant: bool = False) -> "TimedSession":
        """Load the graph; see `Backend.load`."""
        name = self.names.get(f"{path.parent.name}/{path.name}", path.stem)
        started = perf_counter()
        session = self.backend.load(path, inputs=inputs, tolerant=tolerant)
        self.spans.loads[name] += perf_counter() - started
        return TimedSession(session, name, self.spans)

    def allocate(self, shape: tuple[int, ...], dtype: str = "float32") -> Buffer:
        """See `Backend.allocate`."""
        return self.backend.allocate(shape, dtype)

    def describe(self) -> BackendDescription:
        """The inner backend's description, as timing changes nothing."""
        return self.backend.describe()


@dataclass(frozen=True, slots=True, eq=False)
class TimedSession:
    """A session whose calls are timed."""

    session: Session
    graph: str
    spans: Spans

    def bind(self, inputs: Mapping[str, Buffer], outputs: Mapping[str, Buffer]) -> "TimedCall":
        """See `Session.bind`."""
        started = perf_counter()
        call = self.session.bind(inputs, outputs)
        self.spans.loads[self.graph] += perf_counter() - started
        return TimedCall(call, self.graph, self.spans)


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
        self.spans.note(self.graph, started)
