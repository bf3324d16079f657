"""Every provider of every wheel, without its device: options, missing libraries, fall-back, plug-ins, device memory."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.runtime.backends.fake_onnxruntime import WHEELS, FakeOnnxRuntime

from accel_runtime.backends import OnnxRuntimeBackend, make_backend
from accel_runtime.backends.onnxruntime.memory import OrtBuffer
from accel_runtime.backends.onnxruntime.missing import missing_library
from accel_runtime.backends.onnxruntime.providers import PROVIDERS
from accel_runtime.errors import BackendError, InputError

WHEEL_OF = {
    "cuda": "onnxruntime-gpu 1.31.1",
    "tensorrt": "onnxruntime-gpu 1.31.1",
    "rocm": "onnxruntime-rocm 1.22.2",
    "migraphx": "onnxruntime-migraphx 1.27.1",
    "ort-openvino": "onnxruntime-openvino 1.24.1",
}
OPTION_OF = {
    "cuda": ("cudnn_conv_algo_search", "HEURISTIC"),
    "tensorrt": ("trt_fp16_enable", "1"),
    "rocm": ("miopen_conv_exhaustive_search", "1"),
    "migraphx": ("migraphx_model_cache_dir", "/tmp"),  # noqa: S108  # only a value
    "ort-openvino": ("device_type", "CPU"),
}


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a fake wheel where `import onnxruntime` finds it."""

    def put(wheel: str, **behaviour: Any) -> FakeOnnxRuntime:
        library = FakeOnnxRuntime(wheel, **behaviour)
        monkeypatch.setattr("accel_runtime.backends.onnxruntime.backend.import_onnxruntime", lambda _extra: library)
        return library

    return put


@pytest.mark.parametrize("provider", WHEEL_OF)
def test_a_provider_whose_device_is_there_runs_with_its_own_options_and_the_users(install: Any, provider: str) -> None:
    library = install(WHEEL_OF[provider], works=True)
    name, value = OPTION_OF[provider]
    backend = OnnxRuntimeBackend(provider, options={name: value})

    backend.load(Path("g.onnx")).open()

    ((asked, options),) = library.sessions[0]["providers"]
    assert asked == PROVIDERS[provider].name == backend.describe().provider
    assert options == {**PROVIDERS[provider].options, name: value}
    assert backend.describe().options[name] == value
    assert library.sessions[0]["entries"]["session.disable_cpu_ep_fallback"] == "1"


@pytest.mark.parametrize("provider", WHEEL_OF)
def test_a_silent_fall_back_to_the_cpu_is_an_error(install: Any, provider: str) -> None:
    install(WHEEL_OF[provider])

    with pytest.raises(BackendError, match=f"asked for {PROVIDERS[provider].name}, but ONNX Runtime fell back to CPU"):
        OnnxRuntimeBackend(provider).load(Path("g.onnx")).open()


@pytest.mark.parametrize("error", [RuntimeError("[ONNXRuntimeError] : 1 : FAIL : x\ny"), ValueError("Conflicting")])
@pytest.mark.parametrize("provider", WHEEL_OF)
def test_a_refused_fall_back_is_one_line(install: Any, provider: str, error: Exception) -> None:
    install(WHEEL_OF[provider], refuses=error)

    with pytest.raises(BackendError, match="cannot load the graph") as caught:
        OnnxRuntimeBackend(provider).load(Path("g.onnx")).open()

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wheel", WHEELS)
@pytest.mark.parametrize("provider", WHEEL_OF)
def test_a_wheel_without_the_provider_names_the_extra_that_has_it(install: Any, provider: str, wheel: str) -> None:
    install(wheel, works=True)
    if PROVIDERS[provider].name in WHEELS[wheel]:
        assert OnnxRuntimeBackend(provider).describe().provider == PROVIDERS[provider].name
        return

    with pytest.raises(BackendError, match=rf"accel-sd\[{PROVIDERS[provider].extra}\]"):
        OnnxRuntimeBackend(provider)


@pytest.mark.parametrize("provider", ["cpu", *WHEEL_OF])
def test_an_option_that_the_provider_does_not_have_is_refused(provider: str) -> None:
    with pytest.raises(InputError, match="has no option 'nonsense'"):
        OnnxRuntimeBackend(provider, options={"nonsense": "1"})


def test_every_extra_that_an_error_names_exists() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())

    assert {provider.extra for provider in PROVIDERS.values()} <= project["project"]["optional-dependencies"].keys()


def test_a_misspelt_option_brings_the_right_one_to_mind() -> None:
    with pytest.raises(InputError, match="did you mean enable_cuda_graph"):
        OnnxRuntimeBackend("cuda", options={"enable_cuda_grap": "1"})


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_a_library_that_the_provider_needs_and_the_system_lacks_is_named(install: Any, tmp_path: Path) -> None:
    capi = tmp_path / "onnxruntime" / "capi"
    capi.mkdir(parents=True)
    needed, provider = tmp_path / "libvendor.so.13", capi / "libonnxruntime_providers_cuda.so"
    for output, *rest in ((needed,), (provider, str(needed))):
        command = ["cc", "-shared", "-fPIC", "-Wl,--no-as-needed", "-o", str(output), "-x", "c", "/dev/null"]
        subprocess.run([*command, *(["-x", "none", *rest] if rest else [])], check=True, capture_output=True)
    assert "libvendor" not in (missing_library(PROVIDERS["cuda"], capi) or "")
    needed.unlink()
    install(WHEEL_OF["cuda"], file=capi.parent / "__init__.py")

    # The linker has loaded it above, so a fresh process asks.
    code = (
        "import sys; from pathlib import Path; from accel_runtime.backends.onnxruntime.missing import *;"
        "from accel_runtime.backends.onnxruntime.providers import PROVIDERS;"
        "print(missing_library(PROVIDERS['cuda'], Path(sys.argv[1])))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(capi)], capture_output=True, text=True, check=True)
    assert "libvendor.so.13" in done.stdout


def test_what_the_linker_misses_is_part_of_the_error(install: Any, tmp_path: Path) -> None:
    capi = tmp_path / "onnxruntime" / "capi"
    capi.mkdir(parents=True)
    (capi / "libonnxruntime_providers_rocm.so").write_text("no library")
    install(WHEEL_OF["rocm"], file=capi.parent / "__init__.py")

    with pytest.raises(BackendError, match=r"fell back to CPU.*libonnxruntime_providers_rocm\.so"):
        OnnxRuntimeBackend("rocm").load(Path("g.onnx")).open()


@pytest.mark.parametrize(
    ("provider", "ours", "theirs"),
    [
        ("migraphx", "migraphx_fp16_enable", "fp16_enable"),
        ("migraphx", "migraphx_model_cache_dir", "cache_dir"),
        ("migraphx", "device_id", "device_id"),
        ("ort-openvino", "num_streams", "num_streams"),
    ],
)
def test_a_plug_in_is_registered_once_and_given_options_by_its_own_names(
    install: Any, monkeypatch: pytest.MonkeyPatch, provider: str, ours: str, theirs: str
) -> None:
    spec = PROVIDERS[provider]
    assert spec.plugin is not None
    module = ModuleType(spec.plugin)
    module.__spec__ = SimpleNamespace()  # type: ignore[assignment]  # find_spec only asks whether there is one
    vars(module).update(get_library_path=lambda: "/plug.so", get_ep_name=lambda: spec.name)
    monkeypatch.setitem(sys.modules, spec.plugin, module)
    real, virtual = (
        SimpleNamespace(ep_name=spec.name, device=SimpleNamespace(metadata=metadata))
        for metadata in ({}, {"is_virtual": "1"})
    )
    library = install("onnxruntime 1.31.1", works=True, ep_devices=(real, virtual))

    for _ in range(2):
        backend = OnnxRuntimeBackend(provider, options={ours: "1"})
    backend.load(Path("g.onnx")).open()

    assert library.plugins == [(spec.plugin, "/plug.so")]
    assert library.sessions[0]["options"] == {theirs: "1"}
    assert library.sessions[0]["devices"] == [real]
    assert backend.describe().options["plugin"] == spec.plugin


@pytest.mark.parametrize("provider", ["cuda", "rocm", "tensorrt"])
def test_buffers_lie_in_the_devices_memory_and_are_bound_there(install: Any, provider: str) -> None:
    library = install(WHEEL_OF[provider], works=True)
    backend = OnnxRuntimeBackend(provider, options={"device_id": "1"})
    buffer = backend.allocate((4, 2))
    assert isinstance(buffer, OrtBuffer)

    backend.load(Path("g.onnx")).bind({"x": buffer.rows(1, 3)}, {"y": buffer}).run()

    ((bound, options),) = library.runs
    assert bound["x"] == ("cuda", 1, np.dtype("float32"), (2, 2), buffer.address + 2 * 4)
    assert bound["y"][3:] == ((4, 2), buffer.address)
    assert options is None


@pytest.mark.parametrize(("provider", "option"), [("cuda", "enable_cuda_graph"), ("rocm", "enable_hip_graph")])
def test_every_binding_is_captured_as_a_graph_of_its_own(install: Any, provider: str, option: str) -> None:
    library = install(WHEEL_OF[provider], works=True)
    backend = OnnxRuntimeBackend(provider, options={option: "1"})
    session, buffer = backend.load(Path("g.onnx")), backend.allocate((1,))

    calls = [session.bind({"x": buffer}, {"y": buffer}) for _ in range(2)]
    for call in (*calls, calls[0]):
        call.run()

    assert [options["gpu_graph_id"] for _, options in library.runs] == ["0", "1", "0"]


def test_a_device_buffer_reads_back_what_was_written_rows_by_rows() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    value = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((4, 2), np.float32), "cpu", 0)
    buffer = OrtBuffer.of(value, np.dtype("float32"))

    buffer.write(np.ones(2, np.float32))
    buffer.rows(1, 4).rows(1, 2).write(np.array([[5, 6]]))

    assert buffer.read().tolist() == [[1, 1], [1, 1], [5, 6], [1, 1]]
    assert buffer.rows(2, 4).read().tolist() == [[5, 6], [1, 1]]
    assert buffer.rows(2, 4).shape == (2, 2)


def test_auto_takes_the_first_that_really_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accel_runtime.backends.choose.AUTO_ORDER", ("cuda", "cpu", "openvino"))

    assert make_backend("auto").describe().provider == "CPUExecutionProvider"


def test_auto_without_anything_that_runs_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accel_runtime.backends.choose.AUTO_ORDER", ("cuda", "rocm"))

    with pytest.raises(BackendError, match="accel doctor"):
        make_backend("auto")
