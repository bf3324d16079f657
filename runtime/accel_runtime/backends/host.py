"""Buffers in the host's memory: numpy arrays."""

from dataclasses import dataclass

import numpy as np

from accel_runtime.backends.base import Array, as_dtype
from accel_runtime.errors import BackendError, first_line


@dataclass(frozen=True, slots=True, eq=False)
class HostBuffer:
    """A C-contiguous numpy array at a fixed address."""

    array: Array

    @classmethod
    def zeros(cls, shape: tuple[int, ...], dtype: str = "float32") -> "HostBuffer":
        """A new one.

        Raises:
            BackendError: numpy cannot hold it.
        """
        try:
            return cls(np.zeros(shape, as_dtype(dtype)))
        # Of too many elements for the memory, or for numpy's numbers.
        except (MemoryError, ValueError) as error:
            raise BackendError(f"no memory for {dtype} {list(shape)}: {first_line(error)}") from error

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self.array.shape

    def write(self, values: Array) -> None:
        """Copy ``values`` into the array.

        Raises:
            BackendError: They are of another shape.
        """
        try:
            self.array[...] = values
        except (ValueError, TypeError) as error:
            raise BackendError(f"a buffer of {list(self.array.shape)} cannot be filled: {first_line(error)}") from error

    def read(self) -> Array:
        """The array itself, not a copy."""
        return self.array

    def rows(self, start: int, stop: int) -> "HostBuffer":
        """A view on some batch entries; rows of a C-contiguous array stay contiguous."""
        return HostBuffer(self.array[start:stop])
