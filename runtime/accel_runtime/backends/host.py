"""Buffers in the host's memory: numpy arrays."""

from dataclasses import dataclass

from accel_runtime.backends.base import Array


@dataclass(frozen=True, slots=True, eq=False)
class HostBuffer:
    """A C-contiguous numpy array at a fixed address."""

    array: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self.array.shape

    def write(self, values: Array) -> None:
        """Copy ``values`` into the array."""
        self.array[...] = values

    def read(self) -> Array:
        """The array itself, not a copy."""
        return self.array

    def rows(self, start: int, stop: int) -> "HostBuffer":
        """A view on some batch entries; rows of a C-contiguous array stay contiguous."""
        return HostBuffer(self.array[start:stop])
