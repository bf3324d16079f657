"""What executes graphs. The loop knows the protocol in `base`; each backend is one file."""

from accel_runtime.backends.base import (
    Artifact,
    Backend,
    BackendDescription,
    BoundCall,
    Buffer,
    Placement,
    Session,
)
from accel_runtime.backends.choose import AUTO_ORDER, PROVIDER_HELP, PROVIDER_NAMES, make_backend
from accel_runtime.backends.inductor import InductorBackend
from accel_runtime.backends.onnxruntime import OnnxRuntimeBackend
from accel_runtime.backends.openvino import OpenVinoBackend

__all__ = [
    "AUTO_ORDER",
    "PROVIDER_HELP",
    "PROVIDER_NAMES",
    "Artifact",
    "Backend",
    "BackendDescription",
    "BoundCall",
    "Buffer",
    "InductorBackend",
    "OnnxRuntimeBackend",
    "OpenVinoBackend",
    "Placement",
    "Session",
    "make_backend",
]
