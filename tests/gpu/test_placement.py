"""Where the nodes of real graphs go on a real GPU provider, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from accel_runtime import open_bundle
from accel_runtime.backends import Backend, make_backend
from accel_runtime.backends.onnxruntime.adapters import list_adapters
from accel_runtime.backends.onnxruntime.placement import SMALL_BYTES
from accel_runtime.bundle.dims import own_sizes, resolve
from accel_runtime.denoising.components import Components
from accel_runtime.errors import BackendError
from accel_runtime.manifest import GraphSpec, TensorSpec

VECTOR = (TensorSpec(name="x", dtype="float32", shape=("n",)),)


def save(path: Path, nodes: list[Any]) -> Path:
    """A graph from `x` to `y`, float32 [n]."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def open_at_own_size(path: Path, spec: GraphSpec, device: Backend, sizes: dict[str, int]) -> None:
    """Open a graph for one guided image of the model's own size."""
    given, made = (
        {tensor.name: device.allocate(resolve(tensor.shape, sizes), tensor.dtype) for tensor in tensors}
        for tensors in (spec.inputs, spec.outputs)
    )
    device.load(path, inputs=spec.inputs).bind(given, made)


@pytest.mark.parametrize("bundle", ["small", "built-in"])
def test_with_sizes_fixed_no_node_of_unet_vae_and_loop_is_on_the_cpu(bundles: Path, provider: str, bundle: str) -> None:
    pipeline = open_bundle(bundles / bundle, make_backend(provider))
    names = list(pipeline.components.open_all())
    placement = pipeline.describe().placement

    assert {"unet_deep", "unet_shallow_0", "vae_decoder", "vae_encoder", "advance_guided", "pixels"} <= set(names)
    assert len(placement) == len(names)
    mixed = {name for name, placed in placement.items() if placed.on_host}
    assert mixed <= {"text_encoder/model.onnx"}
    # The ids are 64-bit integers, which WebGPU does not compute with.
    assert placement["text_encoder/model.onnx"].largest_bytes <= 8 * 77


def test_open_dimensions_would_leave_shape_arithmetic_on_the_cpu(bundles: Path, device: Backend) -> None:
    with pytest.raises(BackendError, match=r"leaves .*Gather.* to the CPU: nothing of this graph may be there"):
        device.load(bundles / "small" / "unet" / "shallow_0.onnx").bind({}, {})


def test_a_form_that_the_provider_has_no_operators_for_is_refused_by_their_names(
    bundles: Path, device: Backend
) -> None:
    pipeline = open_bundle(bundles / "small", device)
    spec = pipeline.bundle.manifest.graphs["unet_shallow_0"]
    native = bundles / "small" / "unet" / "shallow_0.native.onnx"

    with pytest.raises(BackendError, match="take another --form or --provider"):
        open_at_own_size(native, spec, device, own_sizes(pipeline.bundle.manifest))


def test_one_operator_that_the_provider_lacks_is_refused_by_name(
    bundles: Path, device: Backend, tmp_path: Path
) -> None:
    pipeline = open_bundle(bundles / "small", device)
    spec = pipeline.bundle.manifest.graphs["vae_decoder"]
    model = onnx.load(bundles / "small" / spec.file)
    first = next(node for node in model.graph.node if node.op_type == "Conv")
    made, first.output[0] = first.output[0], "before_rounding"
    model.graph.node.insert(
        list(model.graph.node).index(first) + 1, helper.make_node("Round", [first.output[0]], [made])
    )
    onnx.save(model, tmp_path / "model.onnx")

    with pytest.raises(BackendError, match=r"leaves 1 of \d+ nodes \(Round 1; .*nothing of this graph may be there"):
        open_at_own_size(tmp_path / "model.onnx", spec, device, own_sizes(pipeline.bundle.manifest))


def test_a_small_node_is_tolerated_where_that_is_allowed_and_refused_once_it_is_large(
    device: Backend, tmp_path: Path
) -> None:
    # WebGPU has no Round.
    nodes = [helper.make_node("Round", ["x"], ["rounded"]), helper.make_node("Add", ["x", "rounded"], ["y"])]
    path = save(tmp_path / "g.onnx", nodes)
    small, large = SMALL_BYTES // 4, SMALL_BYTES // 4 + 1
    tolerant, strict = (device.load(path, inputs=VECTOR, tolerant=tolerant) for tolerant in (True, False))
    x, y = device.allocate((small,)), device.allocate((small,))
    call = tolerant.bind({"x": x}, {"y": y})
    for start in (0.25, 1.75):  # what the host reads must be what was written last
        x.write(np.full(small, start, np.float32))
        call.run()

        assert y.read()[0] == start + round(start)
    with pytest.raises(BackendError, match=r"Round 1; up to 32772 bytes.*only what touches 32 KiB or less"):
        tolerant.bind({"x": device.allocate((large,))}, {"y": device.allocate((large,))})
    with pytest.raises(BackendError, match=r"Round 1.*nothing of this graph may be there"):
        strict.bind({"x": x}, {"y": y})


def test_what_was_placed_where_is_in_the_description(device: Backend, tmp_path: Path) -> None:
    path = save(tmp_path / "g.onnx", [helper.make_node("Round", ["x"], ["y"])])
    buffers = device.allocate((4,)), device.allocate((4,))
    device.load(path, inputs=VECTOR, tolerant=True).bind({"x": buffers[0]}, {"y": buffers[1]})

    placed = device.describe().placement[f"{tmp_path.name}/g.onnx"]

    assert (placed.on_host, placed.nodes, placed.largest_bytes) == ({"Round": 1}, 1, 16)


def test_a_precision_that_the_adapter_lacks_is_one_line(bundles: Path, device: Backend) -> None:
    if not list_adapters()[0].is_software:
        pytest.skip("needs an adapter without float16")
    components = Components(open_bundle(bundles / "small-fp16").bundle, device)

    with pytest.raises(BackendError, match="exported with --dtype fp32") as caught:
        list(components.open_all())
    assert "\n" not in str(caught.value)
