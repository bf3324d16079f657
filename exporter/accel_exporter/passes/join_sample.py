"""Give a UNet its inputs as other loaders do."""

from collections.abc import Sequence

import onnx_ir as ir

_SIZES = "sample_channels"


def joined_sample(unet: ir.Model, parts: Sequence[str]) -> ir.Model:
    """The graph with the inputs ``parts`` as channels of one sample, which is named as the first of them.

    1. The sample takes the place of the first part, with the channels of all.
    2. A Split makes the parts of it; no other node changes.

    The model is changed in place.
    """
    graph = unet.graph
    given = [next(value for value in graph.inputs if value.name == name) for name in parts]
    at, dims = graph.inputs.index(given[0]), list(given[0].shape or ())
    channels = [int((value.shape or ir.Shape([0, 0]))[1]) for value in given]  # type: ignore[arg-type]
    for value in given:
        graph.inputs.remove(value)
        value.name = f"{value.name}_part"
    dims[1] = sum(channels)
    sample = ir.Input(parts[0], ir.Shape(dims), given[0].type)
    sizes = ir.Value(name=_SIZES, const_value=ir.tensor(channels, name=_SIZES))
    graph.register_initializer(sizes)
    split = ir.Node("", "Split", [sample, sizes], attributes=[ir.AttrInt64("axis", 1)], outputs=given)
    graph.insert_before(graph[0], split)
    graph.inputs.insert(at, sample)
    return unet
