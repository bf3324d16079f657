"""The contract between the loop and whatever executes graphs.

Buffers are allocated once and bound once; a call is then `BoundCall.run`, with nothing to look up.
A deep pass's feature buffer is bound as its output and as the shallow pass's input, so the feature
crosses from one graph to the other without a copy. See docs/design/0003-backends.md.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from accel_runtime.errors import BackendError
from accel_runtime.manifest import TensorSpec

Array = NDArray[Any]

# The form in which a backend takes a graph; `accel_runtime.bundle.artifacts` knows where a bundle keeps it.
Artifact = Literal["onnx", "inductor"]


class Placement(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the nodes of a graph went.

    Attributes:
        on_host: Operator → how many of its nodes the host runs; empty where all run on the device.
        nodes: All nodes, on the host and on the device; 0 where nothing had to be counted.
        largest_bytes: Size of the largest tensor that the host's nodes read or write.
        captured: Whether the device's calls are recorded once and replayed.
    """

    on_host: dict[str, int] = {}
    nodes: int = 0
    largest_bytes: int = 0
    captured: bool = False

    def __str__(self) -> str:
        """As in a message.

        >>> print(Placement({"IsNaN": 4, "Cast": 1}, 190, 9216), Placement(), sep=", ")
        5 of 190 nodes (IsNaN 4, Cast 1; up to 9216 bytes), no node
        """
        if not self.on_host:
            return "no node"
        operators = ", ".join(f"{operator} {count}" for operator, count in self.on_host.items())
        return f"{sum(self.on_host.values())} of {self.nodes} nodes ({operators}; up to {self.largest_bytes} bytes)"


class BackendDescription(msgspec.Struct, frozen=True):
    """What really ran: stamped in every record.

    Attributes:
        backend: The library that executes, such as `onnxruntime`.
        version: Its version.
        provider: Provider that a session reports after it was made, never the one that was asked for.
        options: Everything that was set.
        placement: Where the nodes of each graph went, by its file, on backends where the host may help the device.
    """

    backend: str
    version: str
    provider: str
    options: dict[str, str | int | bool]
    placement: dict[str, Placement] = {}


class Buffer(Protocol):
    """Memory a graph reads from or writes to, at a fixed address."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its dimensions; the first is the batch."""
        ...

    def write(self, values: Array) -> None:
        """Copy ``values`` in; they are broadcast to the shape."""
        ...

    def read(self) -> Array:
        """The contents. On a host backend this is the memory itself, overwritten by the next run; else a copy."""
        ...

    def rows(self, start: int, stop: int) -> "Buffer":
        """The same memory, restricted to the batch entries ``start`` to ``stop``."""
        ...


class BoundCall(Protocol):
    """A graph with every input and output tied to a buffer."""

    def run(self) -> None:
        """Execute the graph once: inputs are read from, outputs written to the bound buffers."""
        ...


class Session(Protocol):
    """A graph that is loaded and ready."""

    def bind(self, inputs: Mapping[str, Buffer], outputs: Mapping[str, Buffer]) -> BoundCall:
        """Tie buffers to names; outputs left out are not handed out.

        Raises:
            BackendError: As `Backend.load`, where the session is made only now.
        """
        ...


class Backend(Protocol):
    """Loads graphs and owns the memory they work on."""

    @property
    def name(self) -> str:
        """What `make_backend` calls it, without devices: `cuda`, `openvino`."""
        ...

    @property
    def on_host(self) -> bool:
        """Whether its buffers are the host's own memory, on which numpy may work."""
        ...

    @property
    def artifact(self) -> Artifact:
        """The form of graph that `load` takes."""
        ...

    def load(self, path: Path, *, inputs: Sequence[TensorSpec] = (), tolerant: bool = False) -> Session:
        """Load the graph at ``path``, a file of the form `artifact`.

        Args:
            path: The file.
            inputs: What it takes. A session that belongs to one set of sizes is made once these are known, by `bind`;
                without them its open dimensions stay open.
            tolerant: Whether the host may run operators that touch little data, where the device lacks them.

        Raises:
            BackendError: The graph cannot be loaded, or something else than asked would run it.
        """
        ...

    def allocate(self, shape: tuple[int, ...], dtype: str = "float32") -> Buffer:
        """A zeroed buffer."""
        ...

    def describe(self) -> BackendDescription:
        """What really runs."""
        ...


def as_dtype(dtype: str) -> np.dtype[Any]:
    """The numpy dtype of a name in the manifest.

    Raises:
        BackendError: numpy has none, as of bfloat16.
    """
    try:
        return np.dtype(dtype)
    except TypeError as error:
        raise BackendError(f"{dtype}: no type of the host's arrays") from error
