"""An ONNX Runtime as its wheels behave on a machine without their device, for what no such wheel can show here.

Facts of the wheels, each seen on the real one: `PROVIDERS` of each; a GPU provider is listed, then silently replaced by
the CPU's, unless falling back is forbidden; then `Fail`, or in the migraphx wheel `InvalidArgument`, is raised; memory
of a device that is not there is a RuntimeError. How graphs are placed is tested on a real device (tests/gpu).
"""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

_CPU = "CPUExecutionProvider"
# Wheel → the providers that it lists, the first first.
WHEELS: dict[str, tuple[str, ...]] = {
    "onnxruntime 1.31.1": ("AzureExecutionProvider", _CPU),
    "onnxruntime-gpu 1.31.1": ("TensorrtExecutionProvider", "CUDAExecutionProvider", _CPU),
    "onnxruntime-rocm 1.22.2": ("ROCMExecutionProvider", _CPU),
    "onnxruntime-migraphx 1.27.1": ("MIGraphXExecutionProvider", _CPU),
    "onnxruntime-openvino 1.24.1": ("OpenVINOExecutionProvider", _CPU),
}


@dataclass
class FakeOnnxRuntime:
    """What `import onnxruntime` gives.

    Attributes:
        wheel: One of `WHEELS`.
        works: Whether the device and its libraries are there.
        refuses: What a session raises when falling back is forbidden; None where the wheel falls back all the same.
        sessions: The arguments of every session that was asked for.
    """

    wheel: str
    works: bool = False
    refuses: Exception | None = None
    file: Path | None = None
    ep_devices: tuple[Any, ...] = ()
    sessions: list[dict[str, Any]] = field(default_factory=list)
    plugins: list[tuple[str, str]] = field(default_factory=list)
    runs: list[Any] = field(default_factory=list)

    __hash__ = object.__hash__

    @property
    def __version__(self) -> str:
        return self.wheel.rpartition(" ")[2]

    @property
    def __file__(self) -> str | None:
        return None if self.file is None else str(self.file)

    @property
    def OrtValue(self) -> Any:  # noqa: N802  # the library's name
        return SimpleNamespace(ortvalue_from_numpy=FakeValue if self.works else _no_memory)

    def get_available_providers(self) -> list[str]:
        return list(WHEELS[self.wheel])

    def get_ep_devices(self) -> list[Any]:
        return [device for device in self.ep_devices if self.plugins]

    def register_execution_provider_library(self, name: str, path: str) -> None:
        self.plugins.append((name, path))

    def SessionOptions(self) -> Any:  # noqa: N802  # the library's name
        return FakeOptions()

    def RunOptions(self) -> Any:  # noqa: N802  # the library's name
        return FakeOptions()

    def InferenceSession(  # noqa: N802  # the library's name
        self, path: Path, options: Any, providers: Any = (), *, enable_fallback: int = 1
    ) -> Any:
        assert not enable_fallback, "the Python package would try again on the CPU, and print that it does"
        self.sessions.append({"path": path, "providers": list(providers), **vars(options), **options.added})
        asked = providers[0][0] if providers else options.added["devices"][0].ep_name
        if not self.works and self.refuses is not None:
            raise self.refuses
        return FakeSession(asked if self.works else _CPU, self.runs)


class FakeOptions:
    """`SessionOptions` and `RunOptions`."""

    def __init__(self) -> None:
        self.entries: dict[str, str] = {}
        self.sizes: dict[str, int] = {}
        self.added: dict[str, Any] = {}

    def add_session_config_entry(self, key: str, value: str) -> None:
        self.entries[key] = value

    add_run_config_entry = add_session_config_entry

    def add_free_dimension_override_by_name(self, name: str, size: int) -> None:
        self.sizes[name] = size

    def add_provider_for_devices(self, devices: list[Any], options: dict[str, str]) -> None:
        self.added = {"devices": devices, "options": options}


def _no_memory(*_: Any) -> Any:
    raise RuntimeError("Can't allocate memory on the CUDA device using this package of OnnxRuntime.")


@dataclass
class FakeSession:
    """A session that runs nothing but says what it would run on."""

    provider: str
    runs: list[Any]

    def get_providers(self) -> list[str]:
        return [self.provider, _CPU]

    def io_binding(self) -> Any:
        return FakeBinding()

    def run_with_iobinding(self, binding: Any, options: Any) -> None:
        self.runs.append((binding.bound, options.entries if options else None))


class FakeBinding:
    """Notes what was bound where."""

    def __init__(self) -> None:
        self.bound: dict[str, Any] = {}

    def bind_input(self, name: str, *place: Any) -> None:
        self.bound[name] = place

    bind_output = bind_input


class FakeValue:
    """An `OrtValue` whose device memory is the host's."""

    def __init__(self, array: Any, device: str, device_id: int) -> None:
        self.array, self.device, self.device_id = np.array(array), device, device_id

    def shape(self) -> list[int]:
        return list(self.array.shape)

    def device_name(self) -> str:
        return self.device

    def data_ptr(self) -> int:
        return int(self.array.ctypes.data)

    def numpy(self) -> Any:
        return self.array.copy()

    def update_inplace(self, array: Any) -> None:
        self.array[...] = array
