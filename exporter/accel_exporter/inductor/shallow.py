"""The shallow passes as torch programs."""

from collections.abc import Iterator
from dataclasses import replace

import torch

from accel_exporter import names
from accel_exporter.graphs import Axis, Traceable
from accel_exporter.inductor.cut import cut_module, input_names
from accel_exporter.program import Program, export_program
from accel_runtime.bundle.dims import resolve
from accel_runtime.errors import ExportError
from accel_runtime.manifest import GraphSpec


def shallow_program(deep: Program, branch: int, *, spec: GraphSpec) -> Program:
    """The shallow pass of a branch, cut out of the deep program and traced again with its own inputs.

    Args:
        deep: The deep pass.
        branch: Branch of the shallow pass.
        spec: Inputs and outputs of the shallow ONNX graph, which the program must have too.

    Raises:
        ExportError: Its inputs are not those of the ONNX graph.
    """
    feature = names.feature(branch)
    graph = deep.exported.module(check_guards=False)
    module = cut_module(graph, deep.traceable.outputs.index(feature))
    inputs = (*input_names(module)[:-1], feature)
    if inputs != tuple(tensor.name for tensor in spec.inputs):
        raise ExportError(f"unet: torch's shallow pass takes {', '.join(inputs)}, the ONNX graph does not")
    given = deep.traceable
    contract = spec.input(feature).shape
    sizes = {axis.symbol: given.inputs[name].shape[at] for name, at, axis in _axes(given)}
    zeros = torch.zeros(resolve(contract, sizes), dtype=getattr(torch, spec.input(feature).dtype))
    traceable = Traceable(
        name=names.unet_shallow(branch),
        part="shallow",
        module=module,
        inputs={**{name: given.inputs[name] for name in inputs[:-1]}, feature: zeros},
        outputs=(names.NOISE,),
        axes={**given.axes, feature: _feature_axes(contract, given)},
    )
    return export_program(traceable, is_static=deep.is_static)


def _feature_axes(contract: tuple[int | str, ...], deep: Traceable) -> dict[int, Axis]:
    """The feature's open dimensions, such as ``latent_height/2``, expressed by the deep pass's own."""
    by_symbol = {axis.symbol: axis for _, _, axis in _axes(deep)}
    axes = {}
    for at, dimension in enumerate(contract):
        if isinstance(dimension, str):
            symbol, _, over = dimension.partition("/")
            axes[at] = replace(by_symbol[symbol], over=int(over or 1))
    return axes


def _axes(traceable: Traceable) -> Iterator[tuple[str, int, Axis]]:
    """Every open dimension: input, position, axis."""
    for name, axes in traceable.axes.items():
        for at, axis in axes.items():
            yield name, at, axis
