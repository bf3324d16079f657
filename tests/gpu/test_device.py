"""Memory, adapters and failures of a real GPU provider."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.command import accel, assert_refused

from accel_runtime.backends import Backend, OnnxRuntimeBackend, make_backend
from accel_runtime.backends.host import HostBuffer
from accel_runtime.backends.onnxruntime.adapters import list_adapters
from accel_runtime.backends.probe import GRAPH
from accel_runtime.errors import BackendError
from accel_runtime.manifest import TensorSpec


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32", "int64"])
def test_a_buffer_holds_what_was_written_last_wherever_it_is_written_from(device: Backend, dtype: str) -> None:
    buffer = device.allocate((4, 3), dtype)
    assert not buffer.read().any()

    for start in (0, 100):
        values = (np.arange(12).reshape(4, 3) + start).astype(dtype)
        buffer.write(values)
        buffer.rows(1, 3).write(values[1:3] * 2)

        np.testing.assert_array_equal(buffer.read(), np.concatenate([values[:1], values[1:3] * 2, values[3:]]))
        np.testing.assert_array_equal(buffer.rows(1, 4).rows(1, 2).read(), values[2:3] * 2)


def test_a_host_buffer_that_is_rewritten_is_read_anew(device: Backend) -> None:
    x, y = HostBuffer(np.zeros(3, np.float32)), device.allocate((3,))
    inputs = (TensorSpec(name="x", dtype="float32", shape=("n",)),)
    call = device.load(GRAPH, inputs=inputs).bind({"x": x}, {"y": y})

    for value in (1.0, 5.0):
        x.write(np.full(3, value, np.float32))
        call.run()

        assert y.read().tolist() == [2 * value] * 3


def test_what_a_replay_cannot_see_is_refused(provider: str) -> None:
    backend = OnnxRuntimeBackend(provider, options={"enableGraphCapture": "1"})
    inputs = (TensorSpec(name="x", dtype="float32", shape=("n",)),)
    x, y = HostBuffer(np.zeros(3, np.float32)), backend.allocate((3,))

    with pytest.raises(BackendError, match="cannot be captured, since x is in the host's memory"):
        backend.load(GRAPH, inputs=inputs).bind({"x": x}, {"y": y})


def test_memory_that_the_device_has_not_is_one_line(device: Backend) -> None:
    if not list_adapters()[0].is_software:
        pytest.skip("needs an adapter whose buffers end at 1 GiB")
    with pytest.raises(BackendError, match=r"no memory for float32 \[270000000\].*max buffer size") as caught:
        device.allocate((270_000_000,))

    assert "\n" not in str(caught.value)
    assert not device.allocate((3,)).read().any()  # it goes on


def test_a_software_adapter_runs_only_when_it_is_asked_for(tmp_path: Path) -> None:
    if not list_adapters()[0].is_software:
        with pytest.raises(BackendError, match="name webgpu without :software"):
            make_backend("webgpu:software")
        return
    with pytest.raises(BackendError, match="ask for it with --provider webgpu:software"):
        make_backend("webgpu")
    assert make_backend("auto").name == "cpu"
    assert_refused(accel("verify", tmp_path, "--provider", "webgpu", cwd=tmp_path), "not a bundle")


def test_the_command_draws_and_says_on_which_adapter(bundles: Path, provider: str, tmp_path: Path) -> None:
    options = ("--steps", "2", "--plan", "every:2", "--provider", provider, "--scheduler", "ddim", "--json")
    done = accel("generate", bundles / "small", "a cat", *options, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    ran = json.loads(done.stdout)["backend"]
    assert ran["provider"] == "WebGpuExecutionProvider"
    assert list_adapters()[0].name in ran["options"]["adapter"]
    assert ran["placement"]["unet/deep.onnx"] == {}
    assert done.stderr == ""


def test_the_doctor_opens_a_bundle_on_the_device_and_says_what_was_placed_where(
    bundles: Path, provider: str, tmp_path: Path
) -> None:
    done = accel("doctor", "--bundle", bundles / "small", "--provider", provider, "--json", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["providers"]
    assert found["usable"]
    assert found["ran"]["placement"]["unet/deep.onnx"] == {}
    assert found["ran"]["placement"]["text_encoder/model.onnx"]["on_host"]
