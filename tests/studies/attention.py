"""``python -m tests.studies.attention``: the forms of an attention block, by OpenVINO and by ONNX Runtime.

Each form is an ONNX graph of one block at a size of Stable Diffusion 1.5: [2, tokens, heads × width] in and out. All
forms of a size take turns in one process on one thread, and wall and processor seconds of each call are printed as
JSON. Run it on one core of the machine: ``taskset -c 1``.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from accel_bench.cli.console import note
from accel_bench.records.environment import machine_name, read_environment
from accel_runtime.backends import Backend, OnnxRuntimeBackend

ROWS, HEADS = 2, 8
# Queries, keys, width of a head: what UNets of Stable Diffusion 1.5 have for 512×512 pixels.
SIZES = ((4096, 4096, 40), (1024, 1024, 80), (256, 256, 160), (4096, 77, 40), (1024, 77, 80))
BLOCK = 512


@dataclass(frozen=True, slots=True)
class Size:
    """One block's."""

    queries: int
    keys: int
    width: int


class Graph:
    """Nodes and constants of a graph as they are added."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def op(self, kind: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> str:
        """Add a node and return the name of its first output; the others have the same name and a number."""
        name = f"{kind}_{len(self.nodes)}"
        names = [name, *(f"{name}.{number}" for number in range(1, outputs))]
        self.nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return name

    def constant(self, values: Any, dtype: type = np.int64) -> str:
        """Add a constant and return its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def heads(self, x: str, tokens: int, width: int, *, zeros: int = 0) -> str:
        """[B, tokens, heads × width] → [B, heads, tokens, width + zeros]."""
        apart = self.op("Reshape", x, self.constant([ROWS, tokens, HEADS, width]))
        if zeros:
            apart = self.op("Pad", apart, self.constant([0] * 7 + [zeros]))
        return self.op("Transpose", apart, perm=[0, 2, 1, 3])

    def joined(self, x: str, size: Size) -> str:
        """The inverse of `heads`."""
        turned = self.op("Transpose", x, perm=[0, 2, 1, 3])
        return self.op("Reshape", turned, self.constant([ROWS, size.queries, HEADS * size.width]))


def two_scales(graph: Graph, size: Size, *, zeros: int = 0) -> str:
    """What torch's exporter writes: queries and keys are both scaled."""
    root = graph.constant(size.width**-0.25, np.float32)
    query = graph.op("Mul", graph.heads("q", size.queries, size.width, zeros=zeros), root)
    key = graph.op("Mul", graph.heads("k", size.keys, size.width, zeros=zeros), root)
    scores = graph.op("MatMul", query, graph.op("Transpose", key, perm=[0, 1, 3, 2]))
    mixed = graph.op("MatMul", graph.op("Softmax", scores, axis=-1), graph.heads("v", size.keys, size.width))
    return graph.joined(mixed, size)


def one_scale(graph: Graph, size: Size) -> str:
    """The queries alone are scaled."""
    scale = graph.constant(size.width**-0.5, np.float32)
    query = graph.op("Mul", graph.heads("q", size.queries, size.width), scale)
    key = graph.op("Transpose", graph.heads("k", size.keys, size.width), perm=[0, 1, 3, 2])
    mixed = graph.op("MatMul", graph.op("Softmax", graph.op("MatMul", query, key), axis=-1), _values(graph, size))
    return graph.joined(mixed, size)


def wide(graph: Graph, size: Size) -> str:
    """Zeros up to a multiple of 32 behind each head of queries and keys."""
    return two_scales(graph, size, zeros=-size.width % 32)


def blocked(graph: Graph, size: Size) -> str:
    """Queries in blocks of 512, so that a head's scores are 4 MB at most."""
    count = max(1, size.queries // BLOCK)
    scale = graph.constant(size.width**-0.5, np.float32)
    query = graph.op("Mul", graph.heads("q", size.queries, size.width), scale)
    key = graph.op("Transpose", graph.heads("k", size.keys, size.width), perm=[0, 1, 3, 2])
    values = _values(graph, size)
    first = graph.op("Split", query, outputs=count, axis=2, num_outputs=count)
    parts = [first, *(f"{first}.{number}" for number in range(1, count))]
    mixed = [graph.op("MatMul", graph.op("Softmax", graph.op("MatMul", part, key), axis=-1), values) for part in parts]
    return graph.joined(graph.op("Concat", *mixed, axis=2), size)


def native(graph: Graph, size: Size) -> str:
    """ONNX's own operator, of operator set 23."""
    heads = [graph.heads("q", size.queries, size.width), graph.heads("k", size.keys, size.width), _values(graph, size)]
    return graph.joined(graph.op("Attention", *heads), size)


def contrib(graph: Graph, _: Size) -> str:
    """ONNX Runtime's operator, which the fused form has."""
    return graph.op("MultiHeadAttention", "q", "k", "v", domain="com.microsoft", num_heads=HEADS)


def _values(graph: Graph, size: Size) -> str:
    return graph.heads("v", size.keys, size.width)


Form = Callable[[Graph, Size], str]
FORMS: Mapping[str, Form] = {form.__name__: form for form in (two_scales, one_scale, wide, blocked, native, contrib)}

# Those that are also run with tokenisation off: it takes long, and was no faster for any.
APART: tuple[Form, ...] = (two_scales, blocked)


@dataclass(frozen=True, slots=True, eq=False)
class Runner:
    """A form that is ready to run; ``run`` returns its output."""

    name: str
    run: Callable[[], NDArray[np.float32]]


def write(form: Form, size: Size, folder: Path) -> Path:
    """The graph of a form as a file."""
    graph = Graph()
    result = form(graph, size)
    graph.nodes.append(helper.make_node("Identity", [result], ["y"]))
    shapes = {"q": size.queries, "k": size.keys, "v": size.keys, "y": size.queries}
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [ROWS, tokens, HEADS * size.width])
        for name, tokens in shapes.items()
    ]
    made = helper.make_graph(graph.nodes, form.__name__, values[:3], values[3:], graph.constants)
    opsets = [helper.make_opsetid("", 23 if form is native else 18), helper.make_opsetid("com.microsoft", 1)]
    path = folder / f"{form.__name__}.onnx"
    onnx.save(helper.make_model(made, opset_imports=opsets, ir_version=10), path)
    return path


def by_openvino(
    path: Path, inputs: Mapping[str, NDArray[Any]], *, precision: str, is_tokenised: bool
) -> Callable[[], Any]:
    """A graph on one thread of OpenVINO, its attention as one tokenised operator or not."""
    import openvino

    options = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": 1, "ENABLE_CPU_PINNING": False}
    options |= {} if is_tokenised else {"SNIPPETS_MODE": "DISABLE"}
    compiled = openvino.Core().compile_model(path, "CPU", options)
    return lambda: compiled(inputs)[0]


def by_onnxruntime(path: Path, inputs: Mapping[str, NDArray[Any]], *, backend: Backend) -> Callable[[], Any]:
    """A graph on ONNX Runtime; those of one backend share their memory."""
    output = backend.allocate(inputs["q"].shape)
    given = {name: backend.allocate(values.shape) for name, values in inputs.items()}
    for name, buffer in given.items():
        buffer.write(inputs[name])
    call = backend.load(path).bind(given, {"y": output})

    def run() -> Any:
        call.run()
        return output.read()

    return run


def runners(size: Size, folder: Path, *, runtime: str) -> Iterator[Runner]:
    """All forms that a runtime, `onnxruntime` or `openvino:PRECISION`, can run."""
    rng = np.random.default_rng(0)
    tokens = {"q": size.queries, "k": size.keys, "v": size.keys}
    inputs = {
        name: rng.standard_normal((ROWS, count, HEADS * size.width)).astype(np.float32)
        for name, count in tokens.items()
    }
    backend = OnnxRuntimeBackend("cpu", threads=1)
    for name, form in FORMS.items():
        path = write(form, size, folder)
        if runtime == "onnxruntime":
            yield Runner(name, by_onnxruntime(path, inputs, backend=backend))
        elif form is not contrib:
            precision = runtime.partition(":")[2]
            yield Runner(name, by_openvino(path, inputs, precision=precision, is_tokenised=True))
            if form in APART:
                apart = by_openvino(path, inputs, precision=precision, is_tokenised=False)
                yield Runner(f"{name}, not tokenised", apart)


def compare(size: Size, *, runtime: str, rounds: int) -> dict[str, Any]:
    """Times of every form at a size, by turns."""
    with TemporaryDirectory() as folder:
        found = list(runners(size, Path(folder), runtime=runtime))
    outputs = {each.name: np.array(each.run()) for each in found}
    times: dict[str, dict[str, list[float]]] = {each.name: {"wall_s": [], "processor_s": []} for each in found}
    for _ in range(rounds):
        for each in found:
            wall, processor = perf_counter(), process_time()
            each.run()
            times[each.name]["wall_s"].append(perf_counter() - wall)
            times[each.name]["processor_s"].append(process_time() - processor)
    first = found[0].name
    told: dict[str, Any] = {}
    for name, seconds in times.items():
        pairs = zip(seconds["processor_s"], times[first]["processor_s"], strict=True)
        error = float(np.abs(outputs[name] - outputs[first]).max() / np.abs(outputs[first]).max())
        told[name] = {"processor_ratio": median(ours / theirs for ours, theirs in pairs), "error": error, **seconds}
        note(f"{runtime} {size}: {name} {told[name]['processor_ratio']:.2f}, error {error:.0e}")
    return told


def main(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    environment = read_environment()
    forms = {
        runtime: {
            f"{queries} queries, {keys} keys, {HEADS} heads of {width}": compare(
                Size(queries, keys, width), runtime=runtime, rounds=arguments.rounds
            )
            for queries, keys, width in SIZES[: arguments.sizes]
        }
        for runtime in arguments.runtimes
    }
    document = {
        "machine": machine_name(environment),
        "packages": environment.packages,
        "load_average": [environment.load_average, os.getloadavg()[0]],
        "forms": forms,
    }
    sys.stdout.write(json.dumps(document, indent=1) + "\n")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--sizes", type=int, default=len(SIZES), help="How many of the sizes, the largest first.")
    parser.add_argument("--runtimes", nargs="+", default=["openvino:bf16", "openvino:f32", "onnxruntime"])
    return parser.parse_args()


if __name__ == "__main__":
    main(parse())
