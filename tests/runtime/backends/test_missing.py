"""What a provider lacks on this machine: the linker says so, and we say what brings it."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from accel_runtime.backends import make_backend
from accel_runtime.backends.onnxruntime import adapters, backend
from accel_runtime.backends.onnxruntime.adapters import Adapter
from accel_runtime.backends.onnxruntime.library import log_severity, reason
from accel_runtime.backends.onnxruntime.missing import explain
from accel_runtime.errors import BackendError, InputError


@pytest.mark.parametrize(
    ("library", "part", "remedy"),
    [
        ("libcuda.so.1", "NVIDIA's driver", "nvidia-smi"),
        ("libcudnn.so.9", "cuDNN", "accel-sd[cuda]"),
        ("libcublasLt.so.13", "CUDA", "accel-sd[cuda]"),
        ("libnvrtc.so.13", "CUDA", "accel-sd[cuda]"),
        ("libnvinfer.so.10", "TensorRT", "tensorrt==10"),
        ("libopenvino.so.2541", "OpenVINO", "accel-sd[ort-openvino]"),
    ],
)
def test_a_missing_library_is_named_with_what_it_belongs_to_and_what_brings_it(
    library: str, part: str, remedy: str
) -> None:
    assert explain(library).startswith(f"{part} is missing ({library})")
    assert remedy in explain(library)


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ({"ID": "ubuntu", "ID_LIKE": "debian"}, "sudo apt install rocm"),
        ({"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "sudo dnf install rocm"),
        ({"ID": "opensuse-leap", "ID_LIKE": "suse opensuse"}, "sudo zypper install rocm"),
        ({"ID": "arch"}, "sudo pacman -S rocm-hip-sdk"),
        ({"ID": "plan9"}, "https://rocm.docs.amd.com"),
    ],
)
def test_rocm_comes_by_the_distributions_own_command(
    monkeypatch: pytest.MonkeyPatch, release: dict[str, str], command: str
) -> None:
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: release)

    assert command in explain("libhipblas.so.3")


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_a_library_of_a_wheel_is_loaded_from_where_it_lies_with_what_it_needs(tmp_path: Path) -> None:
    capi, wheel = tmp_path / "capi", tmp_path / "site-packages" / "nvidia" / "cu13" / "lib"
    capi.mkdir()
    wheel.mkdir(parents=True)
    inner, outer = wheel / "libcublasLt.so.13", wheel / "libcublas.so.13"
    for output, *needs in ((inner,), (outer, inner), (capi / "libonnxruntime_providers_migraphx.so", outer)):
        linked = ["-x", "none", *map(str, needs)] if needs else []
        command = ["cc", "-shared", "-fPIC", "-Wl,--no-as-needed", f"-Wl,-soname,{output.name}", "-o", str(output)]
        subprocess.run([*command, "-x", "c", "/dev/null", *linked], check=True, capture_output=True)
    code = (
        "import sys; from pathlib import Path; from accel_runtime.backends.onnxruntime.missing import missing_library;"
        "from accel_runtime.backends.onnxruntime.providers import PROVIDERS; sys.path += sys.argv[2:];"
        "print(missing_library(PROVIDERS['migraphx'], Path(sys.argv[1])))"
    )

    def found(*folders: Path) -> str:
        command = [sys.executable, "-c", code, str(capi), *map(str, folders)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert found().startswith("CUDA is missing (libcublas.so.13)")
    assert found(wheel.parents[2]) == "None"
    inner.unlink()
    assert found(wheel.parents[2]).startswith("CUDA is missing (libcublas.so.13)")


def test_without_vulkans_loader_there_is_no_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters, "_LOADER", "libnothing.so")

    assert adapters.list_adapters() == ()


@pytest.mark.parametrize(
    ("found", "software", "message"),
    [
        ((), False, "lists no adapter: install its loader"),
        ((Adapter("SwiftShader", "software"),), False, "ask for it with --provider webgpu:software"),
        ((Adapter("RX 7900", "discrete"), Adapter("llvmpipe", "software")), True, "but RX 7900 would run"),
    ],
)
def test_an_adapter_that_was_not_asked_for_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    found: tuple[Adapter, ...],
    software: bool,  # noqa: FBT001  # a case
    message: str,
) -> None:
    monkeypatch.setattr(backend, "list_adapters", lambda: found)
    monkeypatch.setattr(backend, "can_list_adapters", lambda: True)

    with pytest.raises(BackendError, match=message):
        backend._choose_adapter(software=software)


def test_onnx_runtimes_own_name_of_a_provider_is_a_synonym() -> None:
    assert make_backend("CPUExecutionProvider").name == "cpu"


def test_a_severity_that_onnx_runtime_does_not_know_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCEL_ORT_LOG", "loud")

    with pytest.raises(InputError, match="expected one of verbose, info, warning, error, fatal, got 'loud'"):
        log_severity()


def test_the_place_in_its_sources_is_left_out_of_what_onnx_runtime_says() -> None:
    said = RuntimeError("/src/webgpu_context.cc:65 operator() status == 0 was false. No WebGPU adapter\nmore")

    assert reason(said) == "No WebGPU adapter"
