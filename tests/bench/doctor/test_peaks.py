"""Peaks of a processor: measured by the libraries that run bundles, kept, and found by benchmarks."""

import json
from pathlib import Path

import onnx
import pytest
from onnx import NodeProto, TensorProto, helper
from tests.command import accel, assert_refused

from accel_bench.benchmark.roofline import measured_peaks
from accel_bench.doctor.measuring import CHAIN, GRAPHS, SHAPES
from accel_runtime.backends import make_backend

WEIGHTS = {"matmul": (1024, 1024), "convolution": (320, 320, 3, 3)}


def recipes() -> dict[str, onnx.ModelProto]:
    """The graphs that are shipped, by name: weights are made in them, so that a file is small."""
    return {
        f"{operation}{suffix}": _chain(operation, quantised=bool(suffix))
        for operation in SHAPES
        for suffix in ("", "_int8")
    }


def _chain(operation: str, *, quantised: bool) -> onnx.ModelProto:
    kind = TensorProto.INT8 if quantised else TensorProto.FLOAT
    value = helper.make_tensor("value", kind, [1], [1 if quantised else 1e-3])
    nodes = [
        helper.make_node("Constant", [], ["shape"], value_ints=list(WEIGHTS[operation])),
        helper.make_node("ConstantOfShape", ["shape"], ["filled"], value=value),
        helper.make_node("Constant", [], ["scale"], value_float=0.01),
        helper.make_node("Constant", [], ["zero"], value=helper.make_tensor("zero", TensorProto.INT8, [], [0])),
        helper.make_node("DequantizeLinear", ["filled", "scale", "zero"], ["w"])
        if quantised
        else helper.make_node("Identity", ["filled"], ["w"]),
    ]
    x = "x"
    for link in range(CHAIN):
        if quantised:
            nodes += _quantised(x, to=f"x{link}")
            x = f"x{link}"
        y = "y" if link == CHAIN - 1 else f"y{link}"
        nodes.append(
            helper.make_node("MatMul", [x, "w"], [y])
            if operation == "matmul"
            else helper.make_node("Conv", [x, "w"], [y], pads=[1, 1, 1, 1])
        )
        x = y
    shape = SHAPES["matmul" if operation == "matmul" else "convolution"]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", "y")]
    graph = helper.make_graph(nodes, operation, values[:1], values[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8, producer_name="accel")


def _quantised(x: str, *, to: str) -> list[NodeProto]:
    return [
        helper.make_node("QuantizeLinear", [x, "scale", "zero"], [f"{to}_int8"]),
        helper.make_node("DequantizeLinear", [f"{to}_int8", "scale", "zero"], [to]),
    ]


@pytest.mark.parametrize("name", recipes())
def test_a_graph_that_is_timed_is_the_graph_that_it_is_said_to_be(name: str) -> None:
    assert onnx.load(GRAPHS / f"{name}.onnx") == recipes()[name]


def test_peaks_are_measured_once_and_found_by_every_benchmark_of_as_many_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCEL_PEAKS", str(tmp_path / "peaks"))
    one_thread = make_backend("cpu", threads=1)
    assert measured_peaks(one_thread, ()) is None

    done = accel(
        *["doctor", "--provider", "cpu", "--measure", "--rounds", "2", "--threads", "1", "--json"], cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    peaks = json.loads(done.stdout)["peaks"]
    (file,) = (tmp_path / "peaks").iterdir()

    assert {(each["operation"], each["dtype"]) for each in peaks["timed"]} >= {
        (operation, dtype) for operation in SHAPES for dtype in ("float32", "int8")
    }
    assert all(len(each["seconds"]) == 2 for each in peaks["timed"])
    found = measured_peaks(one_thread, (1.0,))
    assert found is not None
    assert "accel doctor --measure, 1 threads" in found.source
    fastest = max(each["flops"] / min(each["seconds"]) for each in peaks["timed"] if each["dtype"] == "float32")
    assert found.flops_per_s["float32"] == pytest.approx(fastest)
    assert measured_peaks(make_backend("cpu", threads=3), ()) is None
    # A cache that is damaged is no reason to fail after a long measurement.
    file.write_text("{}")
    assert measured_peaks(one_thread, ()) is None


@pytest.mark.parametrize("option", ["--rounds", "--threads"])
def test_nothing_is_measured_in_no_rounds_or_by_no_threads(option: str, tmp_path: Path) -> None:
    done = accel("doctor", "--provider", "cpu", "--measure", option, "0", cwd=tmp_path)

    assert_refused(done, f"{option[2:]}: expected 1")
