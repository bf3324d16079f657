"""Buffers in a provider's own memory, as ONNX Runtime's `OrtValue`."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from accel_runtime.backends.base import Array


@dataclass(frozen=True, slots=True, eq=False)
class OrtBuffer:
    """Some batch entries of a tensor that ONNX Runtime allocated, at a fixed address.

    Attributes:
        value: The whole tensor.
        device_id: Which of the provider's devices holds it.
        dtype: Of its elements.
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
