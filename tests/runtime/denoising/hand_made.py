"""Bundles of a few nodes, for families of models that nothing exports yet: every value in them can be told by hand."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import onnx
from onnx import TensorProto, helper

from accel_runtime.bundle.bundle import describe_file, write_manifest
from accel_runtime.manifest import (
    Cut,
    Denoiser,
    GraphSpec,
    Input,
    Manifest,
    State,
    TensorSpec,
    read_manifest,
)

WIDTH: Final = 2  # of the hand-made text encoders
SIDE: Final = 8  # pixels

_TYPES: Final = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}
_SAMPLE: Final = ("batch", 3, "latent_height", "latent_width")


def make_bundle(
    folder: Path, small: Path, *, inputs: Sequence[Input] = (), texts: Sequence[str] = (), **denoiser: Any
) -> Path:
    """Write a bundle whose state is the picture.

    The noise of a row is 0.1 · sample + the sum of all that the row is given beside it; the feature is the sample.

    Args:
        folder: Where.
        small: The small bundle, which lends its tokenizer and its tables of ddim.
        inputs: Inputs beside sample and timestep: those from text take all widths, those from sizes 6.
        texts: Names of text encoders; the n-th gives id · n at both widths, and pooled the mean of that.
        denoiser: Other values of `Denoiser`.
    """
    folder.mkdir()
    lent = read_manifest(small)
    (tokenizer,) = lent.texts.values()
    for file in (tokenizer.tokenizer, lent.schedules.files["ddim"]):
        (folder / file).parent.mkdir(exist_ok=True)
        shutil.copy(small / file, folder / file)
    shapes = {each.name: _shape(each, tokenizer.max_length) for each in inputs}
    graphs = {name: _encoder(folder, name, n, tokenizer.max_length) for n, name in enumerate(texts, start=1)}
    graphs |= {"whole": _denoise(folder, "whole", shapes), "outer": _denoise(folder, "outer", shapes)}
    manifest = Manifest(
        schema_version=2,
        dtype="float32",
        state=State(channels=3, scale=1, sample_size=(SIDE, SIDE), multiple=1),
        graphs=graphs,
        denoiser=Denoiser(
            deep="whole", shallow={0: Cut(graph="outer", feature="kept")}, inputs=tuple(inputs), **denoiser
        ),
        texts={name: msgspec.structs.replace(tokenizer, table=None) for name in texts},
        encoder=None,
        decoder=None,
        schedules=msgspec.structs.replace(lent.schedules, default="ddim", files={"ddim": lent.schedules.files["ddim"]}),
        files={
            path.relative_to(folder).as_posix(): describe_file(path) for path in folder.rglob("*") if path.is_file()
        },
        provenance=lent.provenance,
    )
    write_manifest(folder, manifest)
    return folder


def _shape(given: Input, length: int) -> tuple[int | str, ...]:
    outputs = getattr(given.source, "outputs", ())
    if not outputs:
        return ("batch", 6)
    width = WIDTH * len(outputs)
    return ("batch", width) if outputs[0].tensor == "pooled" else ("batch", length, width)


def _encoder(folder: Path, name: str, factor: int, length: int) -> GraphSpec:
    nodes = [
        helper.make_node("Cast", ["ids"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["numbers", "last"], ["column"]),
        helper.make_node("Mul", ["column", "weights"], ["hidden"]),
        helper.make_node("ReduceMean", ["hidden", "length_axis"], ["pooled"], keepdims=0),
    ]
    constants = [
        helper.make_tensor("last", TensorProto.INT64, [1], [2]),
        helper.make_tensor("length_axis", TensorProto.INT64, [1], [1]),
        helper.make_tensor("weights", TensorProto.FLOAT, [1, 1, WIDTH], [float(factor)] * WIDTH),
    ]
    outputs = {"hidden": ("batch", length, WIDTH), "pooled": ("batch", WIDTH)}
    return _save(folder / f"{name}.onnx", nodes, constants, inputs={"ids": ("batch", length)}, outputs=outputs)


def _denoise(folder: Path, name: str, shapes: Mapping[str, tuple[int | str, ...]]) -> GraphSpec:
    """The deep graph, called `whole`, or the shallow one, which scales the feature instead of the sample."""
    is_deep = name == "whole"
    nodes = [helper.make_node("Mul", ["sample" if is_deep else "kept", "tenth"], ["sum_0"])]
    constants = [
        helper.make_tensor("tenth", TensorProto.FLOAT, [], [0.1]),
        helper.make_tensor("column", TensorProto.INT64, [4], [-1, 1, 1, 1]),
    ]
    for at, (given, shape) in enumerate(shapes.items()):
        constants.append(helper.make_tensor(f"axes_{at}", TensorProto.INT64, [len(shape) - 1], [*range(1, len(shape))]))
        nodes += [
            helper.make_node("ReduceSum", [given, f"axes_{at}"], [f"row_{at}"], keepdims=0),
            helper.make_node("Reshape", [f"row_{at}", "column"], [f"added_{at}"]),
            helper.make_node("Add", [f"sum_{at}", f"added_{at}"], [f"sum_{at + 1}"]),
        ]
    nodes.append(helper.make_node("Identity", [f"sum_{len(shapes)}"], ["noise"]))
    outputs: dict[str, tuple[int | str, ...]] = {"noise": _SAMPLE}
    if is_deep:
        nodes.append(helper.make_node("Identity", ["sample"], ["kept"]))
        outputs["kept"] = _SAMPLE
    inputs = {"sample" if is_deep else "kept": _SAMPLE, **shapes}
    return _save(folder / f"{name}.onnx", nodes, constants, inputs=inputs, outputs=outputs)


def _save(
    path: Path,
    nodes: Sequence[Any],
    constants: Sequence[Any],
    *,
    inputs: Mapping[str, tuple[int | str, ...]],
    outputs: Mapping[str, tuple[int | str, ...]],
) -> GraphSpec:
    taken, made = (tuple(map(_tensor, each, each.values())) for each in (inputs, outputs))
    values = [[helper.make_tensor_value_info(t.name, _TYPES[t.dtype], t.shape) for t in each] for each in (taken, made)]
    graph = helper.make_graph(nodes, path.stem, values[0], values[1], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    return GraphSpec(file=path.name, inputs=taken, outputs=made, parameters=1, flops=1, relative_error=0.0)


def _tensor(name: str, shape: tuple[int | str, ...]) -> TensorSpec:
    return TensorSpec(name=name, dtype="int64" if name == "ids" else "float32", shape=shape)
