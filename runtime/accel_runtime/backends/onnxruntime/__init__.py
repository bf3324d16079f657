"""ONNX Runtime as a backend, honest about the provider that really runs.

providers.py   execution providers as data
library.py     the installed wheel: import, plug-ins, the vendor's libraries, its log
missing.py     what a provider lacks here, and what brings it
adapters.py    the graphics adapters of this machine, as Vulkan lists them
backend.py     the backend: loads graphs, allocates buffers
session.py     a graph, opened once for each set of sizes
placement.py   where the nodes of a graph went, and whether that may be
memory.py      buffers in a provider's own memory
"""

from accel_runtime.backends.onnxruntime.backend import OnnxRuntimeBackend
from accel_runtime.backends.onnxruntime.session import OnnxRuntimeCall, OnnxRuntimeSession

__all__ = ["OnnxRuntimeBackend", "OnnxRuntimeCall", "OnnxRuntimeSession"]
