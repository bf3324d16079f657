"""The graphs of the loop on the device: guidance and schedule update, and the forecast of a feature.

They hold no weights and fit every scheduler and size; docs/design/0008-device-loop.md says why they look as they do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import onnx
from onnx import TensorProto, helper

from accel_runtime.bundle.loop_contract import FORECASTS, KINDS, LOOP_VERSION, Kind, loop_tensors
from accel_runtime.manifest import DType, LoopSpec, TensorSpec

_OPSET: Final = 17
_IR_VERSION: Final = 8  # what ONNX Runtime 1.22, the last with the ROCm provider, reads for sure
_TYPES: Final[Mapping[str, int]] = {
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "bfloat16": TensorProto.BFLOAT16,
    "int32": TensorProto.INT32,
}
_EACH_IMAGE: Final = (1, 2, 3)  # axes of [B, C, h, w]


@dataclass
class _Graph:
    """A graph that is built node by node; every method returns the name of its node's output."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def add(self, op: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        name = name or f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def halves(self, value: str) -> tuple[str, str]:
        names = (f"{value}_first", f"{value}_second")
        self.nodes.append(helper.make_node("Split", [value], names, axis=0))
        return names

    def ints(self, *values: int) -> str:
        return self._constant(TensorProto.INT64, values)

    def count(self, value: int) -> str:
        """A number of calls."""
        return self._constant(TensorProto.INT32, (value,))

    def number(self, value: float) -> str:
        return self._constant(TensorProto.FLOAT, (value,))

    def scalar(self, value: float) -> str:
        """A number without dimensions, which `Clip` requires for its bounds."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(helper.make_tensor(name, TensorProto.FLOAT, [], (value,)))
        return name

    def row(self, table: str, at: str) -> str:
        """One entry of a table, [1, …]."""
        return self.add("Gather", table, at, axis=0)

    def model(self, name: str, *, features: DType = "float32") -> Any:
        tensors = loop_tensors(name, features=features)
        taken, made = ([_value(spec) for spec in specs] for specs in (tensors.inputs, tensors.outputs))
        graph = helper.make_graph(self.nodes, name, taken, made, self.constants)
        opset = helper.make_opsetid("", _OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION, producer_name="accel")

    def _constant(self, kind: int, values: Sequence[float]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(helper.make_tensor(name, kind, [len(values)], values))
        return name


def write_loop_graphs(folder: Path, *, features: DType = "float32") -> LoopSpec:
    """Write all of them into ``folder``, for ``features`` of that precision; all else is float32."""
    folder.mkdir()
    models = {
        **{f"advance_{kind}": _advance(kind) for kind in KINDS},
        **{f"forecast_{terms}": _forecast(terms, features) for terms in FORECASTS},
        "pixels": _pixels(),
    }
    for name, model in models.items():
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, folder / f"{name}.onnx")
    return LoopSpec(**{name: f"{folder.name}/{name}.onnx" for name in models}, version=LOOP_VERSION)


def _value(spec: TensorSpec) -> Any:
    return helper.make_tensor_value_info(spec.name, _TYPES[spec.dtype], spec.shape)


def _advance(kind: Kind) -> Any:
    """`Recurrence.advance` of the runtime after `guide`, and the UNet's next input."""
    graph = _Graph()
    noise_pred = _guided(graph, "noise") if kind == "guided" else "noise"
    state = _next_state(graph, noise_pred)
    latents = graph.add("Squeeze", graph.row(state, graph.ints(0)), graph.ints(0))
    _next_input(graph, latents, copies=1 if kind == "plain" else 2)
    zero = graph.add("ReduceSum", graph.add("Mul", latents, graph.number(0.0)), keepdims=0)
    first = graph.add("Where", graph.add("Equal", zero, graph.number(0.0)), "bad", "call")
    graph.add("Where", graph.add("GreaterOrEqual", "bad", graph.count(0)), "bad", first, name="next_bad")
    return graph.model(f"advance_{kind}")


def _guided(graph: _Graph, noise: str) -> str:
    """Classifier-free guidance and its rescaling, as `accel_runtime.denoising.loop.guide`; [2B, …] → [B, …]."""
    negative, prompt = graph.halves(noise)
    away = graph.add("Mul", graph.add("Sub", prompt, negative), graph.row("guidance", "call"))
    guided = graph.add("Add", negative, away)
    ratio = graph.add("Sqrt", graph.add("Div", _spread(graph, prompt), _spread(graph, guided)))
    kept = graph.add("Sub", graph.number(1.0), "rescale")
    return graph.add("Mul", guided, graph.add("Add", graph.add("Mul", ratio, "rescale"), kept))


def _spread(graph: _Graph, images: str) -> str:
    """Sum of squared deviations of each image, [B, 1, 1, 1]; the tiny number keeps 0/0 from being NaN."""
    mean = graph.add("ReduceMean", images, axes=_EACH_IMAGE)
    squares = graph.add("ReduceSumSquare", graph.add("Sub", images, mean), axes=_EACH_IMAGE)
    return graph.add("Add", squares, graph.number(1e-30))


def _next_state(graph: _Graph, noise_pred: str) -> str:
    """``weights[call] · (state, e, z)``, multiplied and summed: providers round a MatMul to TF32."""
    draw = graph.row("draws", graph.row("draw_at", "call"))  # [1, B, C, h, w]
    latest = graph.add("Unsqueeze", noise_pred, graph.ints(0))
    joined = graph.add("Unsqueeze", graph.add("Concat", "state", latest, draw, axis=0), graph.ints(0))
    weights = graph.add("Squeeze", graph.row("weights", "call"), graph.ints(0))  # [H, H + 2]
    wide = graph.add("Unsqueeze", weights, graph.ints(2, 3, 4, 5))
    return graph.add("ReduceSum", graph.add("Mul", wide, joined), graph.ints(1), keepdims=0, name="next_state")


def _next_input(graph: _Graph, latents: str, *, copies: int) -> None:
    following = graph.add("Add", "call", graph.count(1), name="next_call")
    scaled = graph.add("Mul", latents, graph.row("input_scale", following))
    graph.add("Concat", *[scaled] * copies, axis=0, name="sample")
    graph.add("Identity", graph.row("timesteps", following), name="timestep")


def _forecast(terms: int, dtype: DType) -> Any:
    """A weighted sum of the last deep features, newest first, in float32."""
    graph = _Graph()
    weights = graph.row("weights", "which")  # [1, 3]
    total = ""
    for age in range(terms):
        weight = graph.add("Gather", weights, graph.ints(age), axis=1)  # [1, 1]
        product = graph.add("Mul", graph.add("Cast", f"feature_{age}", to=TensorProto.FLOAT), weight)
        total = graph.add("Add", total, product) if total else product
    graph.add("Cast", total, to=_TYPES[dtype], name="feature")
    return graph.model(f"forecast_{terms}", features=dtype)


def _pixels() -> Any:
    """`accel_runtime.denoising.pixels.to_pixels`, packed, and whether the whole sample was finite."""
    graph = _Graph()
    unit = graph.add("Add", graph.add("Mul", "sample", graph.scalar(0.5)), graph.scalar(0.5))
    clipped = graph.add("Clip", unit, graph.scalar(0.0), graph.scalar(1.0))
    whole = _rounded(graph, graph.add("Mul", clipped, graph.scalar(255.0)))
    graph.constants.append(helper.make_tensor("places", TensorProto.FLOAT, [1, 3, 1, 1], (1.0, 256.0, 65536.0)))
    packed = graph.add("Mul", whole, "places")
    graph.add("ReduceSum", packed, graph.ints(1), keepdims=0, name="pixels")
    zero = graph.add("ReduceSum", graph.add("Mul", "sample", graph.scalar(0.0)), keepdims=0)
    graph.add("Cast", graph.add("Equal", zero, graph.number(0.0)), to=TensorProto.FLOAT, name="finite")
    return graph.model("pixels")


def _rounded(graph: _Graph, value: str) -> str:
    """To the nearest whole number, halves to even as in numpy: WebGPU has no Round."""
    low = graph.add("Floor", value)
    rest = graph.add("Sub", value, low)
    above, half = (graph.add(op, rest, graph.scalar(0.5)) for op in ("Greater", "Equal"))
    twice_half = graph.add("Mul", graph.add("Floor", graph.add("Mul", low, graph.scalar(0.5))), graph.scalar(2.0))
    odd = graph.add("Sub", low, twice_half)
    up, tie = (graph.add("Cast", flag, to=TensorProto.FLOAT) for flag in (above, half))
    return graph.add("Add", low, graph.add("Add", up, graph.add("Mul", tie, odd)))
