"""ONNX Runtime as a backend, honest about the provider that really runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from accel_runtime.backends.base import BackendDescription, Buffer, as_dtype
from accel_runtime.backends.host import HostBuffer
from accel_runtime.errors import BackendError, InputError, MissingExtraError

_CPU = "CPUExecutionProvider"

# Short name → (ONNX Runtime's name, the extra whose wheel brings it).
PROVIDERS: Mapping[str, tuple[str, str]] = {
    "cpu": (_CPU, "cpu"),
    "cuda": ("CUDAExecutionProvider", "cuda"),
    "migraphx": ("MIGraphXExecutionProvider", "migraphx"),
    "rocm": ("ROCMExecutionProvider", "rocm"),
}


class OnnxRuntimeBackend:
    """Graphs on one execution provider of ONNX Runtime.

    Args:
        provider: A key of `PROVIDERS`.
        threads: Threads inside an operator; None leaves the choice to ONNX Runtime.

    Raises:
        InputError: The provider is unknown.
        BackendError: The installed wheel does not have the provider.
        MissingExtraError: No wheel is installed.
    """

    def __init__(self, provider: str = "cpu", *, threads: int | None = None) -> None:
        if provider not in PROVIDERS:
            raise InputError(f"unknown provider {provider!r}: expected one of {', '.join(PROVIDERS)}")
        self._asked, extra = PROVIDERS[provider]
        self._threads = threads
        self._ort = _import_onnxruntime(extra)
        available = self._ort.get_available_providers()
        if self._asked not in available:
            raise BackendError(
                f"the installed onnxruntime has no {self._asked}, only {', '.join(available)}: "
                f"in a fresh environment run `pip install 'accel-sd[{extra}]'`"
            )

    def load(self, path: Path) -> "OnnxRuntimeSession":
        """Make a session; see `Backend.load`."""
        try:
            session = self._ort.InferenceSession(path, self._options(), providers=[self._asked])
        # ONNX Runtime raises a dozen unrelated types, among them bare RuntimeError.
        except Exception as error:
            reason = str(error).strip().splitlines()[0]
            raise BackendError(f"{path}: {self._asked} cannot load the graph: {reason}") from error
        _check_provider(session.get_providers(), asked=self._asked, path=path)
        return OnnxRuntimeSession(session, path)

    def allocate(self, shape: tuple[int, ...], dtype: str = "float32") -> HostBuffer:
        """A zeroed numpy array; see `Backend.allocate`."""
        return HostBuffer(np.zeros(shape, as_dtype(dtype)))

    def describe(self) -> BackendDescription:
        """What really runs; `load` has refused everything else."""
        options: dict[str, str | int | bool] = {"use_io_binding": True}
        if self._asked == _CPU:
            options["shared_arena"] = True
        if self._threads is not None:
            options["intra_op_num_threads"] = self._threads
        return BackendDescription(
            backend="onnxruntime",
            version=self._ort.__version__,
            provider=self._asked,
            options=options,
        )

    def _options(self) -> Any:
        options = self._ort.SessionOptions()
        options.log_severity_level = 3
        if self._threads is not None:
            options.intra_op_num_threads = self._threads
        if self._asked == _CPU:
            _share_arena(self._ort)
            options.add_session_config_entry("session.use_env_allocators", "1")
            # Weights are allocated once and never freed: in an arena they would only fragment it.
            options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
        else:
            # Otherwise a missing driver library silently moves the whole graph to the CPU.
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        return options


class OnnxRuntimeSession:
    """One loaded graph."""

    def __init__(self, session: Any, path: Path) -> None:
        self._session = session
        self._path = path

    def bind(self, inputs: Mapping[str, Buffer], outputs: Mapping[str, Buffer]) -> "OnnxRuntimeCall":
        """Tie buffers to names by address; see `Session.bind`."""
        binding = self._session.io_binding()
        for name, buffer in inputs.items():
            array = buffer.read()
            binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        for name, buffer in outputs.items():
            array = buffer.read()
            binding.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        # The binding holds bare addresses, so the call keeps the buffers alive.
        return OnnxRuntimeCall(self._session, binding, (*inputs.values(), *outputs.values()), self._path)


@dataclass(frozen=True, slots=True, eq=False)
class OnnxRuntimeCall:
    """A session with bound buffers."""

    session: Any
    binding: Any
    buffers: tuple[Buffer, ...]
    path: Path

    def run(self) -> None:
        """Execute once; see `BoundCall.run`."""
        try:
            self.session.run_with_iobinding(self.binding)
        # Same reason as in `load`.
        except Exception as error:
            reason = str(error).strip().splitlines()[0]
            raise BackendError(f"{self.path}: the graph failed: {reason}") from error


def _import_onnxruntime(extra: str) -> Any:
    try:
        import onnxruntime  # noqa: PLC0415  # the wheel is an extra, asked for only where it is used
    except ModuleNotFoundError as error:
        if error.name != "onnxruntime":
            raise
        raise MissingExtraError("onnxruntime", extra=extra) from None
    if not hasattr(onnxruntime, "InferenceSession"):
        raise MissingExtraError("onnxruntime (only its empty folder is there, so it)", extra=extra)
    return onnxruntime


@cache
def _share_arena(ort: Any) -> None:
    """One arena for all sessions of the process, which ONNX Runtime allows to be made once.

    Measured on SD1.5 at 512×512 (docs/performance.md): without an arena every call maps and faults in
    gigabytes anew, and a shallow pass takes twice as long; an arena per session keeps 5 GB more.
    Growing by what is asked for, not by powers of two, keeps the rest of the waste away.
    """
    info = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    same_as_requested = 1
    ort.create_and_register_allocator(info, ort.OrtArenaCfg({"arena_extend_strategy": same_as_requested}))


def _check_provider(actual: list[str], *, asked: str, path: Path) -> None:
    if not actual or actual[0] != asked:
        raise BackendError(
            f"{path}: asked for {asked}, but ONNX Runtime fell back to {', '.join(actual) or 'nothing'}: "
            "a library that the provider needs is missing; ONNX Runtime's log names it"
        )
