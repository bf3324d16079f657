"""What executes graphs. The loop knows the protocol in `base`; each backend is one file."""

from accel_runtime.backends.base import Backend, BackendDescription, BoundCall, Buffer, Session
from accel_runtime.backends.onnxruntime import OnnxRuntimeBackend

__all__ = ["Backend", "BackendDescription", "BoundCall", "Buffer", "OnnxRuntimeBackend", "Session"]
