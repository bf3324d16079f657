"""The contract between the loop and whatever executes graphs.

Buffers are allocated once and bound once; a call is then `BoundCall.run`, with nothing to look up.
A deep pass's feature buffer is bound as its output and as the shallow pass's input, so the feature
crosses from one graph to the other without a copy. See docs/design/0003-backends.md.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# The form in which a backend takes a graph; `accel_runtime.artifacts` knows where a bundle keeps it.
Artifact = Literal["onnx", "inductor"]


class BackendDescription(msgspec.Struct, frozen=True):
    """What really ran: stamped in every record.

    Attributes:
        backend: The library that executes, such as `onnxruntime`.
        version: Its version.
        provider: What it reports to run on after the session was made, never what was asked for.
        options: Everything that was set.
    """

    backend: str
    version: str
    provider: str
    options: dict[str, str | int | bool]


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
        """Tie buffers to names; outputs left out are not handed out."""
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

    def load(self, path: Path) -> Session:
        """Load the graph at ``path``, a file of the form `artifact`.

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
    """The numpy dtype of a name in the manifest."""
    return np.dtype(dtype)
