"""From the name of a provider to a backend."""

import subprocess
import sys
from pathlib import Path

import pytest

from accel_runtime.backends import make_backend
from accel_runtime.errors import InputError


@pytest.mark.parametrize(
    ("name", "backend", "provider"),
    [
        ("cpu", "onnxruntime", "CPUExecutionProvider"),
        ("openvino", "openvino", "CPU"),
        ("openvino:CPU", "openvino", "CPU"),
        ("openvino:AUTO:CPU", "openvino", "CPU"),
    ],
)
def test_a_name_makes_its_backend(name: str, backend: str, provider: str) -> None:
    described = make_backend(name, threads=1).describe()

    assert (described.backend, described.provider) == (backend, provider)


@pytest.mark.parametrize("name", ["openvino:f32", "openvino:CPU:f32"])
def test_a_name_may_end_in_a_precision(name: str) -> None:
    assert make_backend(name).describe().options["inference_precision"] == "f32"


@pytest.mark.parametrize("name", ["cpu", "openvino"])
def test_threads_reach_the_backend(name: str) -> None:
    options = make_backend(name, threads=1).describe().options

    assert 1 in (options.get("intra_op_num_threads"), options.get("inference_num_threads"))


def test_openvino_keeps_compiled_graphs_in_the_folder_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ACCEL_OPENVINO_CACHE", raising=False)
    without = make_backend("openvino").describe()
    monkeypatch.setenv("ACCEL_OPENVINO_CACHE", str(tmp_path))
    within = make_backend("openvino").describe()

    assert (without.options["cache"], within.options["cache"]) == (False, True)


@pytest.mark.parametrize("name", ["tpu", "", "CPU", "cpu:f32", "openvino:", "openvinoGPU"])
def test_an_unknown_name_lists_all(name: str) -> None:
    with pytest.raises(InputError, match=r"expected one of auto, cpu, cuda, .*, openvino, openvino:DEVICE"):
        make_backend(name)


@pytest.mark.parametrize(("name", "foreign"), [("cpu", "openvino"), ("openvino", "onnxruntime")])
def test_a_backend_does_not_import_the_library_of_another(name: str, foreign: str) -> None:
    made = f"from accel_runtime.backends import make_backend; make_backend({name!r})"
    code = f"import sys; {made}; print({foreign!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
