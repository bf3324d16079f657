"""Buffers in a provider's own memory, as ONNX Runtime's `OrtValue`, and how buffers of any kind are bound."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from accel_runtime.backends.base import Array, Buffer
from accel_runtime.backends.host import HostBuffer

# y = x of one type each, of any shape. A test makes them anew.
COPIES: Final = Path(__file__).parent / "copies"


@dataclass(frozen=True, slots=True, eq=False)
class OrtBuffer:
    """Some batch entries of a tensor that ONNX Runtime allocated, at a fixed address.

    Attributes:
        value: The whole tensor.
        device_id: Which of the provider's devices holds it.
        dtype: Type of its elements.
        whole: Its shape.
        start: First batch entry.
        stop: One behind the last.
    """

    value: Any
    device_id: int
    dtype: np.dtype[Any]
    whole: tuple[int, ...]
    start: int
    stop: int

    @classmethod
    def of(cls, value: Any, dtype: np.dtype[Any], *, device_id: int = 0) -> "OrtBuffer":
        """All of a tensor."""
        shape = tuple(value.shape())
        return cls(value, device_id, dtype, shape, 0, shape[0])

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of these entries."""
        return (self.stop - self.start, *self.whole[1:])

    @property
    def address(self) -> int:
        """Where the first entry begins, in the provider's memory."""
        entry = self.dtype.itemsize * int(np.prod(self.whole[1:], dtype=np.int64))
        return int(self.value.data_ptr()) + self.start * entry

    def write(self, values: Array) -> None:
        """Copy ``values`` over; for some of the entries, all of them cross twice."""
        if self.shape == self.whole:
            contents = np.ascontiguousarray(np.broadcast_to(values, self.whole), self.dtype)
        else:
            contents = np.array(self.value.numpy())
            contents[self.start : self.stop] = values
        self.value.update_inplace(contents)

    def read(self) -> Array:
        """A copy in the host's memory."""
        contents: Array = self.value.numpy()[self.start : self.stop]
        # In the host's own memory it would be a view, which nothing may rely on.
        return contents.copy()

    def rows(self, start: int, stop: int) -> "OrtBuffer":
        """The same memory, restricted to some of these entries."""
        return OrtBuffer(self.value, self.device_id, self.dtype, self.whole, self.start + start, self.start + stop)


class Copier:
    """Device memory of a provider that allocates none when asked: made, and written, as the output of a graph.

    Args:
        ort: ONNX Runtime.
        memory: ONNX Runtime's name of the provider's memory.
        load: Makes a session of a file.
    """

    def __init__(self, ort: Any, memory: str, *, load: Any) -> None:
        self._ort = ort
        self._memory = memory
        # A session for each type, kept.
        self._session = cache(lambda dtype: load(COPIES / f"{dtype}.onnx"))

    def allocate(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> "OpaqueBuffer":
        """A zeroed buffer."""
        session = self._session(dtype.name)
        binding = session.io_binding()
        binding.bind_cpu_input("x", np.zeros(shape, dtype))
        binding.bind_output("y", self._memory, 0)
        session.run_with_iobinding(binding)
        (value,) = binding.get_outputs()
        return OpaqueBuffer(value, shape, dtype, self)

    def write(self, values: Array, *, target: Any) -> None:
        """Copy a host's array into a tensor of the device, which stays where it is."""
        session = self._session(values.dtype.name)
        binding = session.io_binding()
        binding.bind_cpu_input("x", values)
        binding.bind_ortvalue_output("y", target)
        session.run_with_iobinding(binding)


@dataclass(frozen=True, slots=True, eq=False)
class OpaqueBuffer:
    """A tensor in memory without addresses: it is bound whole, as the `OrtValue` it came as."""

    value: Any
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    copier: Copier

    def write(self, values: Array) -> None:
        """Copy ``values`` over."""
        self.copier.write(np.ascontiguousarray(np.broadcast_to(values, self.shape), self.dtype), target=self.value)

    def read(self) -> Array:
        """A copy in the host's memory."""
        contents: Array = self.value.numpy()
        return contents.copy()

    def rows(self, start: int, stop: int) -> "OpaqueBuffer | CopiedRows":
        """All of it; or some entries, which cross to the host at each call, as they have no address of their own."""
        if (start, stop) == (0, self.shape[0]):
            return self
        return CopiedRows(self, start, HostBuffer(np.zeros((stop - start, *self.shape[1:]), self.dtype)))


@dataclass(frozen=True, slots=True, eq=False)
class CopiedRows:
    """Some entries of an opaque buffer, at a place of the host's where a graph reads or writes them."""

    whole: OpaqueBuffer
    start: int
    place: HostBuffer

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of these entries."""
        return self.place.shape

    def fetch(self) -> None:
        """From the device to the place."""
        self.place.write(self.whole.read()[self.start : self.start + self.shape[0]])

    def store(self) -> None:
        """From the place to the device: all entries cross twice."""
        contents = self.whole.read()
        contents[self.start : self.start + self.shape[0]] = self.place.read()
        self.whole.write(contents)

    def write(self, values: Array) -> None:
        """Copy ``values`` over."""
        self.place.write(values)
        self.store()

    def read(self) -> Array:
        """A copy in the host's memory."""
        self.fetch()
        return self.place.read().copy()

    def rows(self, start: int, stop: int) -> "OpaqueBuffer | CopiedRows":
        """Some of these entries."""
        return self.whole.rows(self.start + start, self.start + stop)


def in_host(buffer: Buffer) -> bool:
    """Whether a buffer is in the host's memory when a graph reads or writes it."""
    return isinstance(buffer, HostBuffer | CopiedRows)


def bind_input(binding: Any, name: str, buffer: Buffer) -> CopiedRows | None:
    """Tie a buffer to an input; rows that must be fetched before each run are handed back."""
    if isinstance(buffer, OpaqueBuffer):
        binding.bind_ortvalue_input(name, buffer.value)
        return None
    binding.bind_input(name, *_place(buffer))
    return buffer if isinstance(buffer, CopiedRows) else None


def bind_output(binding: Any, name: str, buffer: Buffer) -> CopiedRows | None:
    """Tie a buffer to an output; rows that must be stored after each run are handed back."""
    if isinstance(buffer, OpaqueBuffer):
        binding.bind_ortvalue_output(name, buffer.value)
        return None
    binding.bind_output(name, *_place(buffer))
    return buffer if isinstance(buffer, CopiedRows) else None


def _place(buffer: Buffer) -> tuple[str, int, Any, tuple[int, ...], int]:
    """Device, its number, element type, shape and address, as `IOBinding` wants them."""
    if isinstance(buffer, OrtBuffer):
        return buffer.value.device_name(), buffer.device_id, buffer.dtype, buffer.shape, buffer.address
    array = buffer.place.array if isinstance(buffer, CopiedRows) else buffer.read()
    return "cpu", 0, array.dtype, array.shape, array.ctypes.data
