"""A stand-in for a graphics card: memory that numpy may not touch, on the CPU."""

import numpy as np
import onnxruntime

from accel_runtime.backends import OnnxRuntimeBackend
from accel_runtime.backends.onnxruntime.memory import OrtBuffer


class OwnMemory(OnnxRuntimeBackend):
    """ONNX Runtime on the CPU, with buffers that only it may touch, as on a graphics card."""

    allocated: list[OrtBuffer]

    def __init__(self, *, threads: int | None = None) -> None:
        super().__init__(threads=threads)
        self.allocated = []

    @property
    def on_host(self) -> bool:
        return False

    def allocate(self, shape: tuple[int, ...], dtype: str = "float32") -> OrtBuffer:
        value = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, dtype), "cpu", 0)
        self.allocated.append(OrtBuffer.of(value, np.dtype(dtype)))
        return self.allocated[-1]
