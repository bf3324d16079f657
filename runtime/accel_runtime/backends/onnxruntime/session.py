"""One graph: opened once for each set of sizes, bound to buffers, run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from accel_runtime.backends.base import Buffer
from accel_runtime.backends.onnxruntime.library import reason
from accel_runtime.backends.onnxruntime.memory import CopiedRows, bind_input, bind_output, in_host
from accel_runtime.base.idle import SIZES_KEPT, UsedLast
from accel_runtime.errors import BackendError, explained
from accel_runtime.manifest import TensorSpec

# Number of each open dimension, sorted by name.
Sizes = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """ONNX Runtime's session.

    Attributes:
        captures: Whether its calls are recorded once and replayed.
        copies: Which inputs ONNX Runtime copies, when they are bound and never again, to where its nodes read them:
            none where the host runs all, the host's where the device does, any where both do.
    """

    session: Any
    captures: bool = False
    copies: Literal["none", "host", "any"] = "none"

    def copied(self, inputs: Mapping[str, Buffer]) -> dict[str, Buffer]:
        """The inputs that must be bound again before each run."""
        if self.copies == "host":
            return {name: buffer for name, buffer in inputs.items() if in_host(buffer)}
        return dict(inputs) if self.copies == "any" else {}


class OnnxRuntimeSession:
    """A graph of a file; of its sessions the `SIZES_KEPT` that were used last stay.

    Args:
        ort: ONNX Runtime.
        path: The file, for messages.
        inputs: Inputs whose open dimensions are fixed; empty where the session stays open.
        open_at: Makes ONNX Runtime's session for a set of sizes.
    """

    def __init__(
        self, ort: Any, path: Path, *, inputs: Sequence[TensorSpec], open_at: Callable[[Sizes], Opened]
    ) -> None:
        self._ort = ort
        self._path = path
        self._inputs = {spec.name: spec for spec in inputs}
        self._open_at = open_at
        self._opened = UsedLast[Opened](keep=SIZES_KEPT)
        self._bound = 0

    def open(self, sizes: Sizes = ()) -> Opened:
        """The session for these sizes, made if there is none."""
        return self._opened.get(sizes, lambda: self._open_at(sizes))

    def bind(self, inputs: Mapping[str, Buffer], outputs: Mapping[str, Buffer]) -> "OnnxRuntimeCall":
        """Tie buffers to names; see `Session.bind`.

        Raises:
            BackendError: The session cannot be made for their sizes, or they do not fit the graph.
        """
        with explained(f"{self._path}: the buffers do not fit the graph", reason=reason):
            opened = self.open(self._sizes(inputs))
            if opened.captures:
                self._check_capture({**inputs, **outputs})
            binding = opened.session.io_binding()
            given = [bind_input(binding, name, buffer) for name, buffer in inputs.items()]
            made = [bind_output(binding, name, buffer) for name, buffer in outputs.items()]
        return OnnxRuntimeCall(
            session=opened.session,
            binding=binding,
            run_options=self._number() if opened.captures else None,
            path=self._path,
            buffers=(*inputs.values(), *outputs.values()),
            anew=opened.copied(inputs),
            before=tuple(rows for rows in given if rows),
            after=tuple(rows for rows in made if rows),
        )

    def end_profiles(self) -> Iterator[tuple[Path, int]]:
        """Stop noting operators; where a backend has a `profile_folder`.

        Yields:
            For each set of sizes, ONNX Runtime's file of trace events, and the nanoseconds of the system's clock
            from which it counts.
        """
        for opened in self._opened:
            started = opened.session.get_profiling_start_time_ns()
            yield Path(opened.session.end_profiling()), started

    def _sizes(self, inputs: Mapping[str, Buffer]) -> Sizes:
        """What the buffers make of the open dimensions."""
        sizes: dict[str, int] = {}
        for name, buffer in inputs.items():
            spec = self._inputs.get(name)
            if spec is not None:
                pairs = zip(spec.shape, buffer.shape, strict=True)
                sizes |= {dimension: size for dimension, size in pairs if isinstance(dimension, str)}
        return tuple(sorted(sizes.items()))

    def _check_capture(self, buffers: Mapping[str, Buffer]) -> None:
        for name, buffer in buffers.items():
            if in_host(buffer):
                raise BackendError(
                    f"{self._path}: its calls cannot be captured, since {name} is in the host's memory: "
                    "leave the provider's option out, or guide all calls"
                )

    def _number(self) -> Any:
        """A captured graph is replayed on the addresses it was captured on, so each binding needs one of its own."""
        options = self._ort.RunOptions()
        options.add_run_config_entry("gpu_graph_id", str(self._bound))
        self._bound += 1
        return options


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class OnnxRuntimeCall:
    """A session with bound buffers.

    Attributes:
        buffers: Kept alive, as the binding holds bare addresses.
        anew: Inputs that are bound again before each run.
        before: Rows that are copied to where the graph reads them.
        after: Rows that are copied from where the graph wrote them.
    """

    session: Any
    binding: Any
    run_options: Any
    path: Path
    buffers: tuple[Buffer, ...]
    anew: Mapping[str, Buffer]
    before: tuple[CopiedRows, ...] = ()
    after: tuple[CopiedRows, ...] = ()

    def run(self) -> None:
        """Execute once; see `BoundCall.run`."""
        with explained(f"{self.path}: the graph failed", reason=reason):
            for rows in self.before:
                rows.fetch()
            for name, buffer in self.anew.items():
                bind_input(self.binding, name, buffer)
            self.session.run_with_iobinding(self.binding, self.run_options)
            for rows in self.after:
                rows.store()
