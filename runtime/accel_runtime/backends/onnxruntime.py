"""ONNX Runtime as a backend, honest about the provider that really runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from accel_runtime.backends.base import Artifact, BackendDescription, Buffer, as_dtype
from accel_runtime.backends.host import HostBuffer
from accel_runtime.backends.ort_memory import OrtBuffer
from accel_runtime.backends.providers import PROVIDERS, Provider, check_options, missing_library
from accel_runtime.errors import BackendError, InputError, MissingExtraError, first_line

_GRAPH_CAPTURE = ("enable_cuda_graph", "enable_hip_graph")


class OnnxRuntimeBackend:
    """Graphs on one execution provider of ONNX Runtime.

    Args:
        provider: A key of `PROVIDERS`.
        threads: Threads inside an operator; None leaves the choice to ONNX Runtime.
        options: Of the provider, over those that `PROVIDERS` sets.
        profile_folder: Where every session notes the time of each operator, which slows it; None notes nothing.

    Raises:
        InputError: The provider or an option is unknown.
        BackendError: The installed wheel does not have the provider.
        MissingExtraError: No wheel is installed.
    """

    def __init__(
        self,
        provider: str = "cpu",
        *,
        threads: int | None = None,
        options: Mapping[str, str] | None = None,
        profile_folder: Path | None = None,
    ) -> None:
        if provider not in PROVIDERS:
            raise InputError(f"unknown provider {provider!r}: expected one of {', '.join(PROVIDERS)}")
        self._name = provider
        self._provider = PROVIDERS[provider]
        self._provider_options = check_options(self._provider, options or {})
        self._threads = threads
        self._profile_folder = profile_folder
        self._ort = _import_onnxruntime(self._provider.extra)
        self._devices = self._find()

    @property
    def name(self) -> str:
        """The key of `PROVIDERS`; see `Backend.name`."""
        return self._name

    @property
    def on_host(self) -> bool:
        """See `Backend.on_host`."""
        return self._provider.memory == "cpu"

    @property
    def artifact(self) -> Artifact:
        """ONNX files; see `Backend.artifact`."""
        return "onnx"

    def load(self, path: Path) -> "OnnxRuntimeSession":
        """Make a session; see `Backend.load`."""
        try:
            session = self._session(path)
        # ONNX Runtime raises a dozen unrelated types, among them bare RuntimeError.
        except Exception as error:
            reason = self._missing() or first_line(error)
            raise BackendError(f"{path}: {self._provider.name} cannot load the graph: {reason}") from error
        actual = session.get_providers()
        if not actual or actual[0] != self._provider.name:
            raise BackendError(
                f"{path}: asked for {self._provider.name}, but ONNX Runtime fell back to "
                f"{', '.join(actual) or 'nothing'}: "
                + (self._missing() or "a library or device that the provider needs is missing; see `accel doctor`")
            )
        return OnnxRuntimeSession(self._ort, session, path, captures=self._captures)

    def allocate(self, shape: tuple[int, ...], dtype: str = "float32") -> Buffer:
        """A zeroed buffer in the provider's memory; see `Backend.allocate`."""
        if self.on_host:
            return HostBuffer(np.zeros(shape, as_dtype(dtype)))
        zeros = np.zeros(shape, as_dtype(dtype))
        value = self._ort.OrtValue.ortvalue_from_numpy(zeros, self._provider.memory, self._device_id)
        return OrtBuffer.of(value, zeros.dtype, device_id=self._device_id)

    def describe(self) -> BackendDescription:
        """What really runs; `load` has refused everything else."""
        options: dict[str, str | int | bool] = {"use_io_binding": True, **self._provider_options}
        if self._is_cpu:
            options["shared_arena"] = True
        if self._threads is not None:
            options["intra_op_num_threads"] = self._threads
        if self._profile_folder is not None:
            options["enable_profiling"] = True
        if self._devices:
            options["plugin"] = str(self._provider.plugin)
        return BackendDescription(
            backend="onnxruntime",
            version=self._ort.__version__,
            provider=self._provider.name,
            options=options,
        )

    @property
    def _is_cpu(self) -> bool:
        return self._provider.name == PROVIDERS["cpu"].name

    @property
    def _device_id(self) -> int:
        return int(self._provider_options.get("device_id", "0"))

    @property
    def _captures(self) -> bool:
        """Whether calls are recorded once and replayed, which needs a number for each."""
        return any(self._provider_options.get(name) == "1" for name in _GRAPH_CAPTURE)

    def _find(self) -> list[Any]:
        """Devices of the provider's plug-in; empty where the wheel itself has the provider.

        Raises:
            BackendError: Neither has it.
        """
        available = self._ort.get_available_providers()
        if self._provider.name in available:
            return []
        if devices := plugin_devices(self._ort, self._provider):
            return devices
        extra = self._provider.extra
        raise BackendError(
            f"the installed onnxruntime has no {self._provider.name}, only {', '.join(available)}: "
            f"in a fresh environment run `pip install 'accel-sd[{extra}]'`"
        )

    def _session(self, path: Path) -> Any:
        options = self._session_options()
        if self._devices:
            names = self._provider.plugin_options
            wanted = {names.get(name, name): value for name, value in self._provider_options.items()}
            options.add_provider_for_devices(self._devices, wanted)
            return self._ort.InferenceSession(path, options)
        providers = [(self._provider.name, dict(self._provider_options))]
        return self._ort.InferenceSession(path, options, providers=providers)

    def _session_options(self) -> Any:
        options = self._ort.SessionOptions()
        options.log_severity_level = 3
        if self._threads is not None:
            options.intra_op_num_threads = self._threads
        if self._profile_folder is not None:
            options.enable_profiling = True
            # ONNX Runtime appends the time in milliseconds, which two quick loads may share.
            options.profile_file_prefix = str(self._profile_folder / uuid4().hex)
        if self._is_cpu:
            _share_arena(self._ort)
            # The planned block of a pattern comes on top of what the first run left in the arena: 1.1 GB for SD1.5.
            options.enable_mem_pattern = False
            options.add_session_config_entry("session.use_env_allocators", "1")
            # Weights are allocated once and never freed: in an arena they would only fragment it.
            options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
        else:
            # Otherwise a missing driver library silently moves the whole graph to the CPU.
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        return options

    def _missing(self) -> str | None:
        """What the linker misses; looked up only once something has failed, since it loads the library."""
        file = getattr(self._ort, "__file__", None)
        return missing_library(self._provider, Path(file).parent / "capi") if file else None


class OnnxRuntimeSession:
    """One loaded graph."""

    def __init__(self, ort: Any, session: Any, path: Path, *, captures: bool) -> None:
        self._ort = ort
        self._session = session
        self._path = path
        self._captures = captures
        self._bound = 0

    def bind(self, inputs: Mapping[str, Buffer], outputs: Mapping[str, Buffer]) -> "OnnxRuntimeCall":
        """Tie buffers to names by address; see `Session.bind`."""
        binding = self._session.io_binding()
        for name, buffer in inputs.items():
            binding.bind_input(name, *_place(buffer))
        for name, buffer in outputs.items():
            binding.bind_output(name, *_place(buffer))
        # The binding holds bare addresses, so the call keeps the buffers alive.
        return OnnxRuntimeCall(
            self._session, binding, self._run_options(), (*inputs.values(), *outputs.values()), self._path
        )

    def end_profile(self) -> tuple[Path, int]:
        """Stop noting operators; where a backend has a `profile_folder`.

        Returns:
            ONNX Runtime's file of trace events, and the nanoseconds of the system's clock from which it counts.
        """
        started = self._session.get_profiling_start_time_ns()
        return Path(self._session.end_profiling()), started

    def _run_options(self) -> Any:
        """A captured graph is replayed on the addresses it was captured on, so each binding needs one of its own."""
        if not self._captures:
            return None
        options = self._ort.RunOptions()
        options.add_run_config_entry("gpu_graph_id", str(self._bound))
        self._bound += 1
        return options


@dataclass(frozen=True, slots=True, eq=False)
class OnnxRuntimeCall:
    """A session with bound buffers."""

    session: Any
    binding: Any
    run_options: Any
    buffers: tuple[Buffer, ...]
    path: Path

    def run(self) -> None:
        """Execute once; see `BoundCall.run`."""
        try:
            self.session.run_with_iobinding(self.binding, self.run_options)
        # Same reason as in `load`.
        except Exception as error:
            raise BackendError(f"{self.path}: the graph failed: {first_line(error)}") from error


def plugin_devices(ort: Any, provider: Provider) -> list[Any]:
    """The devices that the provider's plug-in finds; empty without the plug-in, or without a device."""
    if provider.plugin is None or not hasattr(ort, "get_ep_devices") or find_spec(provider.plugin) is None:
        return []
    plugin = import_module(provider.plugin)
    _register(ort, provider.plugin, library=str(plugin.get_library_path()))
    return [device for device in ort.get_ep_devices() if device.ep_name == plugin.get_ep_name()]


@cache
def _register(ort: Any, name: str, *, library: str) -> None:
    """ONNX Runtime refuses a plug-in that is registered twice."""
    ort.register_execution_provider_library(name, library)


def _place(buffer: Buffer) -> tuple[str, int, Any, tuple[int, ...], int]:
    """Device, its number, element type, shape and address, as `IOBinding` wants them."""
    if isinstance(buffer, OrtBuffer):
        return buffer.value.device_name(), buffer.device_id, buffer.dtype, buffer.shape, buffer.address
    array = buffer.read()
    return "cpu", 0, array.dtype, array.shape, array.ctypes.data


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
