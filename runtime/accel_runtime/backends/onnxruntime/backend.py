"""The backend: loads graphs on one execution provider, and allocates what they work on."""

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from accel_runtime.backends.base import Artifact, BackendDescription, Buffer, Placement, as_dtype
from accel_runtime.backends.host import HostBuffer
from accel_runtime.backends.onnxruntime.adapters import Adapter, can_list_adapters, list_adapters
from accel_runtime.backends.onnxruntime.library import (
    has_plugin,
    import_onnxruntime,
    log_severity,
    missing,
    plugin_devices,
    reason,
    share_arena,
)
from accel_runtime.backends.onnxruntime.memory import Copier, OrtBuffer
from accel_runtime.backends.onnxruntime.placement import explain_survey, judge, refuses_the_host, survey
from accel_runtime.backends.onnxruntime.providers import PROVIDERS, SOFTWARE_GPU, check_options
from accel_runtime.backends.onnxruntime.session import OnnxRuntimeSession, Opened, Sizes
from accel_runtime.errors import BackendError, InputError
from accel_runtime.manifest import TensorSpec


class OnnxRuntimeBackend:
    """Graphs on one execution provider of ONNX Runtime.

    Args:
        provider: A key of `PROVIDERS`, or `SOFTWARE_GPU`: WebGPU on an adapter that is a program on the processor.
        threads: Threads inside an operator; None leaves the choice to ONNX Runtime.
        options: Options of the provider, which replace those of `PROVIDERS`.
        profile_folder: Where every session notes the time of each operator, which slows it; None notes nothing.
        maps_weights: On the processor, leave weights in their file, neither folded nor packed, so that they take no
            memory but what the system can have back at any time. Calls are slower, and graphs run as they are.

    Raises:
        InputError: The provider or an option is unknown.
        BackendError: The installed wheel does not have the provider, or there is no adapter for it.
        MissingExtraError: No wheel is installed.
    """

    def __init__(
        self,
        provider: str = "cpu",
        *,
        threads: int | None = None,
        options: Mapping[str, str] | None = None,
        profile_folder: Path | None = None,
        maps_weights: bool = False,
    ) -> None:
        if provider not in (*PROVIDERS, SOFTWARE_GPU):
            raise InputError(f"unknown provider {provider!r}: expected one of {', '.join((*PROVIDERS, SOFTWARE_GPU))}")
        self._name = provider.removesuffix(":software")
        self._provider = PROVIDERS[self._name]
        self._provider_options = check_options(self._provider, options or {})
        self._threads = threads
        self._profile_folder = profile_folder
        self._maps_weights = maps_weights
        self._ort = import_onnxruntime(self._provider.extra)
        # Before any session: it loads the vendor's libraries from wheels, where the linker does not look.
        self._lacks = missing(self._ort, self._provider)
        self._devices = self._find()
        self._adapter = _choose_adapter(software=provider == SOFTWARE_GPU) if self._name == "webgpu" else None
        self._placements: dict[str, Placement] = {}

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

    def load(self, path: Path, *, inputs: Sequence[TensorSpec] = (), tolerant: bool = False) -> OnnxRuntimeSession:
        """Make a session: on the CPU at once, elsewhere when its sizes are known; see `Backend.load`."""
        if self._is_cpu:
            session = OnnxRuntimeSession(self._ort, path, inputs=(), open_at=lambda _: Opened(self._make(path)))
            session.open()
            return session
        open_at = partial(self._open, path, tolerant=tolerant)
        return OnnxRuntimeSession(self._ort, path, inputs=inputs, open_at=open_at)

    def allocate(self, shape: tuple[int, ...], dtype: str = "float32") -> Buffer:
        """A zeroed buffer in the provider's memory; see `Backend.allocate`."""
        if self.on_host:
            return HostBuffer.zeros(shape, dtype)
        try:
            if self._provider.allocates == "graph":
                return self._copier.allocate(shape, as_dtype(dtype))
            zeros = np.zeros(shape, as_dtype(dtype))
            value = self._ort.OrtValue.ortvalue_from_numpy(zeros, self._provider.memory, self._device_id)
        except BackendError:
            raise
        # Same reason as in `_make`.
        except Exception as error:
            raise self._failed(f"no memory for {dtype} {list(shape)}", error) from error
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
        if self._maps_weights:
            options["maps_weights"] = True
        if self._devices:
            options["plugin"] = str(self._provider.plugin)
        if self._adapter is not None:
            options["adapter"] = f"{self._adapter.name}, {self._adapter.kind}"
        return BackendDescription(
            backend="onnxruntime",
            version=self._ort.__version__,
            provider=self._provider.name,
            options=options,
            placement=dict(sorted(self._placements.items())),
        )

    @property
    def _is_cpu(self) -> bool:
        return self._provider.name == PROVIDERS["cpu"].name

    @property
    def _device_id(self) -> int:
        return int(self._provider_options.get("device_id", "0"))

    @property
    def _captures(self) -> bool:
        """Whether the user wants calls recorded once and replayed."""
        return self._provider_options.get(self._provider.capture or "", "0") not in ("0", "False", "false")

    @cached_property
    def _copier(self) -> Copier:
        return Copier(self._ort, self._provider.memory, load=self._make)

    def _find(self) -> list[Any]:
        """Devices of the provider's plug-in; empty where the wheel itself has the provider.

        Raises:
            BackendError: Neither has it.
        """
        available = self._ort.get_available_providers()
        if self._provider.name in available:
            return []
        if devices := plugin_devices(self._ort, self._provider):
            return devices if self._provider.plugin_takes == "all" else devices[:1]
        if has_plugin(self._provider):
            raise BackendError(
                f"the plug-in {self._provider.plugin} finds no device of {self._provider.name} here: "
                "it may know only its maker's, and a card needs its driver"
            )
        extra = self._provider.extra
        raise BackendError(
            f"the installed onnxruntime has no {self._provider.name}, only {', '.join(available)}: "
            f"in a fresh environment run `pip install 'accel-sd[{extra}]'`"
        )

    def _open(self, path: Path, sizes: Sizes, *, tolerant: bool) -> Opened:
        """A session wholly on the device; or, where that is refused and small things may stay behind, one that is not.

        Raises:
            BackendError: It cannot be loaded, something else would run it, or the host would run more than it may.
        """
        placement = Placement(captured=self._captures)
        try:
            session = self._make(path, sizes=sizes, is_strict=True, captures=self._captures)
        except BackendError as error:
            if not refuses_the_host(error):
                raise
            placement = self._survey(path, sizes)
            judge(placement, graph=path, provider=self._provider.name, tolerant=tolerant)
            session = self._make(path, sizes=sizes)
        self._placements[f"{path.parent.name}/{path.name}"] = placement
        return Opened(session, captures=placement.captured, copies="any" if placement.on_host else "host")

    def _survey(self, path: Path, sizes: Sizes) -> Placement:
        try:
            return survey(lambda folder: self._make(path, sizes=sizes, profile_folder=folder))
        # Same reason as in `_make`.
        except Exception as error:
            raise explain_survey(error, graph=path, provider=self._provider.name) from error

    def _make(
        self,
        path: Path,
        *,
        sizes: Sizes = (),
        is_strict: bool = False,
        captures: bool = False,
        profile_folder: Path | None = None,
    ) -> Any:
        """ONNX Runtime's session, whose provider is the one that was asked for.

        Raises:
            BackendError: It cannot be loaded, or something else would run it.
        """
        options = self._session_options(profile_folder or self._profile_folder)
        for name, size in sizes:
            options.add_free_dimension_override_by_name(name, size)
        if is_strict:
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        try:
            session = self._session(path, options, captures=captures)
        # ONNX Runtime raises a dozen unrelated types, among them bare RuntimeError.
        except Exception as error:
            raise self._failed(f"{path}: cannot load the graph", error) from error
        actual = session.get_providers()
        if not actual or actual[0] != self._provider.name:
            fell = f"asked for {self._provider.name}, but ONNX Runtime fell back to {', '.join(actual) or 'nothing'}"
            why = self._lacks or "a library or device that the provider needs is missing; see `accel doctor`"
            raise BackendError(f"{fell}: {why}")
        return session

    def _failed(self, what: str, error: Exception) -> BackendError:
        """Where something is missing on this machine, that is the reason of whatever failed."""
        if self._lacks:
            return BackendError(f"{self._provider.name} cannot run here: {self._lacks}")
        return BackendError(f"{self._provider.name}: {what}: {reason(error)}")

    def _session(self, path: Path, options: Any, *, captures: bool) -> Any:
        # What the host takes part in cannot be replayed, so it is made without the option.
        chosen = {
            name: value for name, value in self._provider_options.items() if captures or name != self._provider.capture
        }
        # Else the Python package itself tries again with other providers, and prints that it does.
        once = {"enable_fallback": 0}
        if self._devices:
            names = self._provider.plugin_options
            wanted = {names.get(name, name): value for name, value in chosen.items()}
            options.add_provider_for_devices(self._devices, wanted)
            return self._ort.InferenceSession(path, options, **once)
        return self._ort.InferenceSession(path, options, providers=[(self._provider.name, chosen)], **once)

    def _session_options(self, profile_folder: Path | None) -> Any:
        options = self._ort.SessionOptions()
        options.log_severity_level = log_severity()
        if self._threads is not None:
            options.intra_op_num_threads = self._threads
        if profile_folder is not None:
            options.enable_profiling = True
            # ONNX Runtime appends the time in milliseconds, which two quick loads may share.
            options.profile_file_prefix = str(profile_folder / uuid4().hex)
        if self._is_cpu:
            share_arena(self._ort)
            # The planned block of a pattern comes on top of what the first run left in the arena: 1.1 GB for SD1.5.
            options.enable_mem_pattern = False
            options.add_session_config_entry("session.use_env_allocators", "1")
            # Weights are allocated once and never freed: in an arena they would only fragment it.
            options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
        if self._maps_weights:
            options.graph_optimization_level = self._ort.GraphOptimizationLevel.ORT_DISABLE_ALL
            options.add_session_config_entry("session.disable_prepacking", "1")
        return options


def _choose_adapter(*, software: bool) -> Adapter | None:
    """What WebGPU will run on; None where the system does not list its adapters.

    Raises:
        BackendError: There is none, or it is a program on the processor though none was asked for, or the reverse.
    """
    if not can_list_adapters():
        return None
    best = next(iter(list_adapters()), None)
    if best is None:
        raise BackendError(
            "WebGPU runs on Vulkan here, which lists no adapter: install its loader and the card's Vulkan driver "
            "(on Debian and Ubuntu `libvulkan1` and, for AMD and Intel, `mesa-vulkan-drivers`; NVIDIA's brings its own)"
        )
    if best.is_software and not software:
        raise BackendError(
            f"the only adapter here is {best.name}, a program on the processor: "
            "ask for it with --provider webgpu:software, or take cpu, which is faster"
        )
    if software and not best.is_software:
        raise BackendError(f"asked for a software adapter, but {best.name} would run: name webgpu without :software")
    return best
