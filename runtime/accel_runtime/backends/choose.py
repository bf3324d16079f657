"""From the name that a user writes to the backend that runs it: the one place that knows all names."""

import os
from collections.abc import Mapping
from pathlib import Path

from accel_runtime.backends.base import Backend
from accel_runtime.backends.inductor import InductorBackend
from accel_runtime.backends.onnxruntime import OnnxRuntimeBackend
from accel_runtime.backends.onnxruntime.providers import PROVIDERS, SOFTWARE_GPU, short_name
from accel_runtime.backends.openvino import OpenVinoBackend
from accel_runtime.backends.openvino_device import PRECISIONS
from accel_runtime.backends.probe import run_probe
from accel_runtime.errors import AccelError, BackendError, InputError
from accel_runtime.manifest import Device

_AUTO = "auto"
_MOST_THREADS = 1024
_OPENVINO = "openvino"
# Short name → the device that the bundle's AOTInductor packages were compiled for.
INDUCTOR_DEVICES: Mapping[str, Device] = {"inductor": "cpu", "inductor-cuda": "cuda"}

# What `auto` tries, the fastest first. TensorRT is left out: it builds for minutes before the first image.
AUTO_ORDER = ("cuda", "migraphx", "rocm", "webgpu", _OPENVINO, "cpu")
# Every provider that can be named, without what may follow `openvino`.
PROVIDER_NAMES = (*PROVIDERS, *INDUCTOR_DEVICES, _OPENVINO)
_EXPECTED = (
    f"{', '.join((_AUTO, *PROVIDER_NAMES))}, "
    f"openvino:DEVICE, openvino:PRECISION, openvino:DEVICE:PRECISION, {SOFTWARE_GPU}"
)

# Off unless asked for: a compiled graph is as large as its weights, and there is one for each set of shapes.
_CACHE_VARIABLE = "ACCEL_OPENVINO_CACHE"

# The help text of every `--provider`.
PROVIDER_HELP = f"What runs the graphs: {_EXPECTED}."


def make_backend(provider: str, *, threads: int | None = None, options: Mapping[str, str] | None = None) -> Backend:
    """The backend of a name. Libraries are imported by the backend that is made, and by no other.

    Args:
        provider: A key of ONNX Runtime's `PROVIDERS`, or its own name for it, such as `CUDAExecutionProvider`;
            `webgpu:software`, on an adapter that is a program on the processor; or `openvino`, alone or followed
            by a device, a precision or both: `openvino:GPU`, `openvino:f32`, `openvino:CPU:f32`. Its compiled
            graphs are kept in the folder that the environment variable ACCEL_OPENVINO_CACHE names, if any.
            `inductor` and `inductor-cuda` run the bundle's AOTInductor packages.
            `auto` is the first of `AUTO_ORDER` that runs a probe graph here.
        threads: Threads of a call; None leaves the choice to the library.
        options: Options of ONNX Runtime's provider.

    Raises:
        InputError: The name is unknown, or no machine has so many threads.
        BackendError: The library does not have the provider or device.
        MissingExtraError: The library is not installed.
    """
    if threads is not None and not 1 <= threads <= _MOST_THREADS:
        raise InputError(f"threads: expected 1 to {_MOST_THREADS}, got {threads}")
    provider = short_name(provider)
    if provider in (*PROVIDERS, SOFTWARE_GPU):
        return OnnxRuntimeBackend(provider, threads=threads, options=options)
    if options:
        raise InputError(f"{provider} takes no provider options, got {', '.join(options)}")
    if provider in INDUCTOR_DEVICES:
        return InductorBackend(INDUCTOR_DEVICES[provider], threads=threads)
    if provider == _AUTO:
        return _first_usable(threads)
    name, colon, target = provider.partition(":")
    if name == _OPENVINO and bool(colon) == bool(target):
        device, precision = _split_target(target)
        folder = os.environ.get(_CACHE_VARIABLE)
        cache_dir = Path(folder) if folder else None
        return OpenVinoBackend(device, precision=precision, threads=threads, cache_dir=cache_dir)
    raise InputError(f"unknown provider {provider!r}: expected one of {_EXPECTED}")


def _first_usable(threads: int | None) -> Backend:
    for name in AUTO_ORDER:
        try:
            backend = make_backend(name, threads=threads)
            run_probe(backend)
        except AccelError:
            continue
        return backend
    raise BackendError(f"none of {', '.join(AUTO_ORDER)} runs here: `accel doctor` says why")


def _split_target(target: str) -> tuple[str, str | None]:
    """Device and precision; devices such as `HETERO:GPU,CPU` hold colons themselves.

    >>> [_split_target(target) for target in ("", "f32", "GPU", "HETERO:GPU,CPU:f16")]
    [('CPU', None), ('CPU', 'f32'), ('GPU', None), ('HETERO:GPU,CPU', 'f16')]
    """
    device, _, last = target.rpartition(":")
    return (device or "CPU", last) if last in PRECISIONS else (target or "CPU", None)
