"""Rewrites of single graphs: what is rounded, by how much, and which groups are cheap."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from numpy.typing import NDArray
from tests.exporter.int8_models import CHANNELS, SIDE, two_convolutions_and_a_linear

from accel_exporter.check import Reference, run_graph
from accel_exporter.int8.choose import choose
from accel_exporter.int8.layers import groups
from accel_exporter.int8.ranges import measure_ranges
from accel_exporter.int8.rewrite import Range, quantise, quantise_weights
from accel_exporter.int8.sensitivity import Group
from accel_exporter.int8.switches import SWITCHES, with_switches
from accel_runtime.backends import OnnxRuntimeBackend

X: NDArray[np.float32] = np.random.default_rng(1).standard_normal((2, CHANNELS, SIDE, SIDE)).astype(np.float32)
BOTH = ("first", "second")


def run(model: ir.Model, folder: Path, **more: NDArray[Any]) -> NDArray[Any]:
    path = folder / "graph.onnx"
    ir.save(model, path)
    made = {"linear_out": np.zeros((2, CHANNELS, SIDE, 5), np.float32)}
    return run_graph(path, Reference({"x": X, **more}, made))["linear_out"]


def ranges_of(folder: Path) -> dict[str, Range]:
    path = folder / "float.onnx"
    ir.save(two_convolutions_and_a_linear(), path)
    return measure_ranges(path, [{"x": X}, {"x": X / 2}], backend=OnnxRuntimeBackend("cpu"))


def test_ranges_are_those_of_what_layers_take_and_give(tmp_path: Path) -> None:
    found = ranges_of(tmp_path)

    assert set(found) == {"x", "first_out", "second_out"}
    assert (found["x"].low, found["x"].high) == (X.min(), X.max())
    assert [path.name for path in tmp_path.iterdir()] == ["float.onnx"]


@pytest.mark.parametrize("names", [("first",), ("second",), BOTH])
def test_a_quantised_layer_is_near_the_float_one(tmp_path: Path, names: Sequence[str]) -> None:
    model, ranges = two_convolutions_and_a_linear(), ranges_of(tmp_path)

    found, expected = (run(each, tmp_path) for each in (quantise(model, ranges, names=names), model))

    assert 0 < np.abs(found - expected).max() <= 0.05 * np.abs(expected).max()


def test_the_integers_of_a_layer_are_eight_bits_with_a_scale_for_each_output(tmp_path: Path) -> None:
    model = two_convolutions_and_a_linear()
    for graph, names in (
        (quantise(model, ranges_of(tmp_path), names=BOTH).graph, {"filters": 3, "more_filters": 3}),
        (quantise_weights(model).graph, {"filters": 3, "more_filters": 3, "matrix": 5}),
    ):
        stored = {name: value.const_value for name, value in graph.initializers.items()}
        for name, outputs in names.items():
            integers, scales = stored[f"{name}_int8"], stored[f"{name}_scales"]
            assert integers is not None
            assert scales is not None
            assert integers.dtype == ir.DataType.INT8
            assert scales.shape == (outputs,)
            assert name not in stored


def test_weights_alone_are_near_in_the_smallest_channel_too(tmp_path: Path) -> None:
    model = two_convolutions_and_a_linear()
    graph = quantise_weights(model).graph

    assert [node.op_type for node in graph].count("QuantizeLinear") == 0
    found, expected = run(quantise_weights(model), tmp_path), run(model, tmp_path)
    errors, sizes = (np.abs(each).max(axis=(0, 2, 3)) for each in (found - expected, expected))
    assert (errors > 0).all()
    assert (errors <= 0.03 * sizes).all()


def test_zero_is_rounded_to_zero() -> None:
    for found in (Range(-1.0, 3.0), Range(0.5, 2.0), Range(-2.0, -0.5), Range(0.0, 0.0)):
        assert 0 <= int(found.zero_point) <= 255
        assert found.low >= -float(found.scale) * (int(found.zero_point) + 1)
        assert found.high <= float(found.scale) * (256 - int(found.zero_point))


def test_a_switch_rounds_its_own_group_as_int8_does(tmp_path: Path) -> None:
    model, ranges = two_convolutions_and_a_linear(), ranges_of(tmp_path)
    switched = with_switches(model, ranges, groups=[("first",), ("second",)])

    def at(*switches: float) -> NDArray[Any]:
        return run(switched, tmp_path, **{SWITCHES: np.array(switches, np.float32)})

    np.testing.assert_allclose(at(0, 0), run(model, tmp_path), rtol=1e-5)
    for switches, names in (((1, 0), ("first",)), ((0, 1), ("second",)), ((1, 1), BOTH)):
        step = 1.1 * np.abs(at(*switches) - at(0, 0)).max()
        apart = np.abs(at(*switches) - run(quantise(model, ranges, names=names), tmp_path)).max()
        assert apart <= 0.5 * step, names


def test_convolutions_are_judged_in_runs_and_linear_layers_stay() -> None:
    found = groups(two_convolutions_and_a_linear())
    assert [[layer.name for layer in group] for group in found] == [["first", "second"]]


def test_the_cheapest_groups_are_taken_as_long_as_pictures_are_near() -> None:
    found = [Group(("a",), 10, 5.0), Group(("b",), 10, 1.0), Group(("c",), 100, 20.0), Group(("d",), 1, 9.0)]
    asked: list[tuple[str, ...]] = []

    def psnr_of(names: Sequence[str]) -> float:
        asked.append(tuple(names))
        return 60.0 - 10 * len(names)

    choice = choose(found, least=40.0, psnr_of=psnr_of)

    assert choice.layers == ("b", "c")  # 0.1 and 0.2 an operation; "a" 0.5
    assert choice.psnr == 40.0
    assert choose(found, least=55.0, psnr_of=psnr_of).layers == ()
