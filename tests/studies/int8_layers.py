"""``python -m tests.studies.int8_layers``: what single layers of SD1.5's sizes gain from int8 on a processor.

Each graph is two such layers, each behind x · sigmoid(x). Ways of writing them take turns in one process on one thread;
processor seconds of every run are printed as JSON, in order.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from time import process_time
from typing import Any, Final, Literal

import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper

from accel_bench.cli.console import note
from accel_bench.records.environment import machine_name, read_environment

Way = Literal["float32", "int8, float32 output", "int8", "int8 weights"]
Run = Callable[[], object]

_WAYS: Final[tuple[Way, ...]] = ("float32", "int8, float32 output", "int8", "int8 weights")
_LAYERS: Final = 2
_ROUNDS: Final = 7


@dataclass(frozen=True, slots=True)
class Case:
    """A layer of a guided call: two rows.

    Attributes:
        name: What it is.
        channels: It takes and gives.
        extent: Its picture is so high and wide, or, of a linear layer, has so many tokens.
        kernel: Height and width of a filter; None of a linear layer.
    """

    name: str
    channels: int
    extent: int
    kernel: int | None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what it takes and gives."""
        if self.kernel is None:
            return 2, self.extent, self.channels
        return 2, self.channels, self.extent, self.extent


CASES: Final = (
    Case("3×3 convolution, 320 channels, 64²", 320, 64, 3),
    Case("3×3 convolution, 640 channels, 32²", 640, 32, 3),
    Case("3×3 convolution, 1280 channels, 16²", 1280, 16, 3),
    Case("linear, 320 channels, 4096 tokens", 320, 4096, None),
    Case("linear, 1280 channels, 256 tokens", 1280, 256, None),
)


class Graph:
    """An ONNX graph of some layers, one after the other."""

    def __init__(self, case: Case, way: Way) -> None:
        self._case, self._way = case, way
        self._rng = np.random.default_rng(0)
        self._nodes: list[onnx.NodeProto] = []
        self._tensors: list[onnx.TensorProto] = []

    def encoded(self) -> bytes:
        """The graph as a file's bytes."""
        last = "x"
        for number in range(_LAYERS):
            last = self._layer(last, f"{number}")
        self._node("Tanh", [last], "out")
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, self._case.shape)
        out = helper.make_tensor_value_info("out", TensorProto.FLOAT, self._case.shape)
        graph = helper.make_graph(self._nodes, "layers", [x], [out], self._tensors)
        encoded: bytes = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9
        ).SerializeToString()
        return encoded

    def _layer(self, given: str, number: str) -> str:
        x = self._node("Mul", [given, self._node("Sigmoid", [given], f"gate{number}")], f"x{number}")
        if self._way in ("int8", "int8, float32 output"):
            x = self._rounded(x, scale=0.02, zero=16)
        weights, bias = self._weights(number), self._tensor(f"bias{number}", np.zeros(self._case.channels, np.float32))
        kernel = self._case.kernel
        if kernel is None:
            return self._node("Add", [self._node("MatMul", [x, weights], f"product{number}"), bias], f"made{number}")
        made = self._node("Conv", [x, weights, bias], f"made{number}", pads=[kernel // 2] * 4)
        return self._rounded(made, scale=0.05, zero=128) if self._way == "int8" else made

    def _weights(self, number: str) -> str:
        case = self._case
        shape = (case.channels, case.channels, *([] if case.kernel is None else [case.kernel] * 2))
        values = 0.02 * self._rng.standard_normal(shape).astype(np.float32)
        if self._way == "float32":
            return self._tensor(f"weights{number}", values)
        axis = 1 if case.kernel is None else 0
        scales = np.full(case.channels, np.abs(values).max() / 127, np.float32)
        integers = self._tensor(f"integers{number}", np.rint(values / scales[0]).astype(np.int8))
        return self._node(
            "DequantizeLinear", [integers, self._tensor(f"scales{number}", scales)], f"weights{number}", axis=axis
        )

    def _rounded(self, name: str, *, scale: float, zero: int) -> str:
        step = [self._tensor(f"{name}_scale", np.float32(scale)), self._tensor(f"{name}_zero", np.uint8(zero))]
        down = self._node("QuantizeLinear", [name, *step], f"{name}_uint8")
        return self._node("DequantizeLinear", [down, *step], f"{name}_rounded")

    def _node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def _tensor(self, name: str, values: Any) -> str:
        self._tensors.append(numpy_helper.from_array(np.asarray(values), name))
        return name


def by_onnxruntime(case: Case, way: Way) -> Run:
    """The graph in ONNX Runtime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(Graph(case, way).encoded(), options, providers=["CPUExecutionProvider"])
    given = {"x": np.random.default_rng(1).standard_normal(case.shape).astype(np.float32)}
    return lambda: session.run(None, given)


def by_openvino(case: Case, way: Way) -> Run:
    """The same in OpenVINO, in float32 where it is not int8."""
    core = openvino.Core()
    hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = core.compile_model(core.read_model(Graph(case, way).encoded(), b""), "CPU", hints)
    given = np.random.default_rng(1).standard_normal(case.shape).astype(np.float32)
    return lambda: compiled([given])


RUNTIMES: Final[dict[str, Callable[[Case, Way], Run]]] = {"onnxruntime": by_onnxruntime, "openvino": by_openvino}


def measured(case: Case, make: Callable[[Case, Way], Run]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Processor seconds of every way, and the median of their ratios to float32's, round by round."""
    runs = {way: make(case, way) for way in _WAYS}
    seconds: dict[str, list[float]] = {way: [] for way in _WAYS}
    for run in runs.values():
        run()
    for _ in range(_ROUNDS):
        for way, run in runs.items():
            started = process_time()
            run()
            seconds[way].append(process_time() - started)
    for way in _WAYS:
        ratios = [ours / theirs for ours, theirs in zip(seconds[way], seconds["float32"], strict=True)]
        yield way, {"processor_ratio": round(median(ratios), 3), "processor_s": seconds[way]}


def main() -> None:
    """Measure and print."""
    environment = read_environment()
    found: dict[str, Any] = {}
    for case in CASES:
        for runtime, make in RUNTIMES.items():
            found.setdefault(case.name, {})[runtime] = dict(measured(case, make))
            note(f"{case.name}, {runtime}, load average {os.getloadavg()[0]:.1f}")
    document = {
        "machine": machine_name(environment),
        "packages": environment.packages,
        "load_average": [environment.load_average, os.getloadavg()[0]],
        "layers": found,
    }
    sys.stdout.write(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
