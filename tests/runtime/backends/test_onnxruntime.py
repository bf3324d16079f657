"""The ONNX Runtime backend: what was asked for is what runs, or an error."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from accel_runtime.backends import OnnxRuntimeBackend
from accel_runtime.backends.host import HostBuffer
from accel_runtime.errors import BackendError, InputError, MissingExtraError


@pytest.fixture
def doubling(tmp_path: Path) -> Path:
    """A graph: twice = x + x, and once more: thrice = twice + x."""
    nodes = [helper.make_node("Add", ["x", "x"], ["twice"]), helper.make_node("Add", ["twice", "x"], ["thrice"])]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("x", "twice", "thrice")]
    graph = helper.make_graph(nodes, "doubling", values[:1], values[1:])
    path = tmp_path / "doubling.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def test_a_bound_call_reads_and_writes_the_same_memory_each_time(doubling: Path) -> None:
    backend = OnnxRuntimeBackend()
    x, twice = backend.allocate((3,)), backend.allocate((3,))
    memory = twice.read()
    call = backend.load(doubling).bind({"x": x}, {"twice": twice})
    for value in (1.0, 5.0):
        x.write(np.full(3, value, np.float32))
        call.run()

        assert memory.tolist() == [2 * value] * 3


def test_an_output_may_be_another_graph_s_input_without_a_copy(doubling: Path) -> None:
    backend = OnnxRuntimeBackend()
    x, middle, end = (backend.allocate((2,)) for _ in range(3))
    session = backend.load(doubling)
    calls = [session.bind({"x": x}, {"twice": middle}), session.bind({"x": middle}, {"thrice": end})]
    x.write(np.array([1, 2], np.float32))
    for call in calls:
        call.run()

    assert end.read().tolist() == [6, 12]


def test_rows_are_the_same_memory() -> None:
    buffer = HostBuffer(np.zeros((4, 2), np.float32))
    buffer.rows(2, 4).write(np.ones((2, 2), np.float32))

    assert buffer.read()[:, 0].tolist() == [0, 0, 1, 1]


def test_the_description_says_what_runs() -> None:
    described = OnnxRuntimeBackend(threads=1).describe()

    assert described.provider == "CPUExecutionProvider"
    assert described.options["intra_op_num_threads"] == 1


def test_an_unknown_provider_is_refused() -> None:
    with pytest.raises(InputError, match="expected one of cpu"):
        OnnxRuntimeBackend("tpu")


@pytest.mark.parametrize("provider", ["cuda", "rocm", "migraphx"])
def test_a_provider_the_wheel_lacks_names_the_extra_that_has_it(provider: str) -> None:
    with pytest.raises(BackendError, match=rf"accel-sd\[{provider}\]"):
        OnnxRuntimeBackend(provider)


def test_a_missing_wheel_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises((MissingExtraError, ModuleNotFoundError)) as caught:
        OnnxRuntimeBackend()

    assert "accel-sd[cpu]" in str(caught.value)


def test_a_file_that_is_no_graph_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "g.onnx").write_text("no graph")
    with pytest.raises(BackendError, match="cannot load the graph") as caught:
        OnnxRuntimeBackend().load(tmp_path / "g.onnx")

    assert "\n" not in str(caught.value)
