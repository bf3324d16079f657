"""bfloat16 graphs: float32 at their borders, held against torch, and run where they can be."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from tests.bundles import kept_bundle
from tests.exporter.pipelines import TOKENS, tiny_text_encoder

from accel_bench.peers.models import _stored
from accel_exporter import ExportOptions, parse_forms
from accel_exporter.check import relative_error
from accel_exporter.graphs import Sizes
from accel_exporter.passes import KeepFloat32, in_float32
from accel_exporter.text_graphs import text_encoder
from accel_exporter.traced import Settings, trace_component
from accel_exporter.write import Written, check_written, write_graph
from accel_runtime import ExportError, InputError, Manifest, Pipeline, Request, open_bundle
from accel_runtime.bundle.forms import providers_in
from accel_runtime.manifest import Precision, read_manifest

FLOAT, BFLOAT16 = ir.DataType.FLOAT, ir.DataType.BFLOAT16
Compute = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@pytest.fixture(scope="module")
def folder(source_folder: Path) -> Path:
    """The small pipeline in bfloat16."""
    options = ExportOptions(branches=(0,), dtype="bfloat16", schedulers=("ddim",), max_steps=6)
    return kept_bundle("bfloat16", source_folder, options)


@pytest.fixture(scope="module")
def manifest(folder: Path) -> Manifest:
    return read_manifest(folder)


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """The small text encoder in bfloat16."""
    torch.manual_seed(0)
    model = tiny_text_encoder()
    sizes = Sizes(batch=2, latent_height=4, latent_width=6)
    settings = Settings(
        opset=23, is_static=False, trace_sizes=sizes, check_sizes=sizes, flops_sizes={"batch": 1}, dtype="bfloat16"
    )
    (made,) = write_graph(
        trace_component(lambda at: text_encoder(model, at, length=TOKENS), settings), tmp_path, settings=settings
    )
    return made


def test_weights_are_half_as_large_and_nothing_crosses_in_bfloat16(folder: Path, bundle_folder: Path) -> None:
    graphs = read_manifest(folder).graphs
    crossing = {tensor.dtype for _, graph in graphs.items() for tensor in (*graph.inputs, *graph.outputs)}

    assert crossing == {"float32", "int64"}
    sizes = [(at / "unet" / "weights.data").stat().st_size for at in (folder, bundle_folder)]
    assert 0.45 <= sizes[0] / sizes[1] <= 0.55
    held = [value.const_value for value in ir.load(folder / "unet" / "deep.onnx").graph.initializers.values()]
    counts = {
        kind: sum(tensor.size for tensor in held if tensor and tensor.dtype == kind) for kind in (FLOAT, BFLOAT16)
    }
    # What is left embeds the timestep.
    assert counts[FLOAT] < 0.01 * counts[BFLOAT16]


def test_the_manifest_says_how_far_each_graph_is_and_who_may_run_it(manifest: Manifest, pipeline: Pipeline) -> None:
    errors = {name: graph.relative_error for name, graph in manifest.graphs.items()}

    assert providers_in(manifest.dtype) == ("cuda", "inductor", "openvino")
    assert 1e-4 < errors["unet_deep"] < 5e-2
    assert errors["vae_decoder"] < 1e-4
    assert manifest.deep.flops == pipeline.bundle.manifest.deep.flops


def test_resizing_is_left_to_float32(folder: Path) -> None:
    (resize,) = (node for node in ir.load(folder / "unet" / "deep.onnx").graph if node.op_type == "Resize")
    given, made = resize.inputs[0], resize.outputs[0]

    assert given is not None
    assert (given.dtype, made.dtype) == (FLOAT, FLOAT)
    assert {reader.op_type for reader in made.consumers()} == {"Cast"}


def test_the_cpu_refuses_the_bundle_before_a_graph_is_loaded(folder: Path) -> None:
    with pytest.raises(InputError, match="cpu cannot compute in bfloat16, only cuda, inductor, openvino"):
        open_bundle(folder)


@pytest.mark.parametrize("plan", [{}, {"deep": "every:2", "forecast": "linear"}])
def test_openvino_draws_what_float32_draws(folder: Path, pipeline: Pipeline, plan: dict[str, Any]) -> None:
    pytest.importorskip("openvino")
    half, request = open_bundle(folder, provider="openvino:f32"), Request(("a cat",), seed=3)

    found = half.generate(request, half.plan(6, scheduler="ddim", **plan)).latents

    expected = pipeline.generate(request, pipeline.plan(6, scheduler="ddim", **plan)).latents
    assert 0 < relative_error(found, expected) <= 5e-2


def test_a_graph_is_held_against_torch_and_leaves_no_copy(written: Written) -> None:
    assert 1e-4 < check_written(written, 1e-1) < 5e-2
    assert [path.name for path in written.path.parent.glob("*.onnx")] == ["model.onnx"]


def test_an_error_no_larger_than_the_rounding_is_found(written: Written) -> None:
    model = ir.load(written.path)
    norm = next(node for node in reversed(model.graph) if node.op_type == "LayerNormalization")
    scale = norm.inputs[1]
    assert scale is not None
    assert scale.const_value is not None
    scaled = scale.const_value.numpy().astype(np.float32) * 1.02
    scale.const_value = ir.tensor(scaled.astype(BFLOAT16.numpy()), dtype=BFLOAT16, name=scale.name)
    ir.save(model, written.path)

    with pytest.raises(ExportError, match="over the tolerance of 5e-03"):
        check_written(written, 1e-1)


def weight() -> torch.Tensor:
    return torch.linspace(0.1, 3.0, 64).bfloat16()


def half_graph() -> ir.Model:
    """The graph of x · w + w in bfloat16, with a bfloat16 input and output."""
    kind, shape = ir.TensorType(BFLOAT16), ir.Shape([64])
    x, w, product, total = (ir.Value(name=name, shape=shape, type=kind) for name in ("x", "w", "product", "total"))
    w.const_value = ir.tensor(weight().float().numpy().astype(BFLOAT16.numpy()), dtype=BFLOAT16, name="w")
    nodes = [ir.node("Mul", [x, w], outputs=[product]), ir.node("Add", [product, w], outputs=[total])]
    graph = ir.Graph([x], [total], nodes=nodes, initializers=[w], opset_imports={"": 23}, name="half")
    return ir.Model(graph, ir_version=10)


def run(model: ir.Model, x: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString())
    return np.asarray(session.run(None, {"x": x})[0])


@pytest.mark.parametrize(
    ("rounds", "compute", "tolerance"),
    [(True, lambda x, w: (x.bfloat16() * w + w).float(), 0.0), (False, lambda x, w: x * w.float() + w.float(), 1e-6)],
)
def test_a_graph_in_float32_rounds_as_torch_does_or_not_at_all(
    *, rounds: bool, compute: Compute, tolerance: float
) -> None:
    x = torch.linspace(0.0, 1.0, 64).bfloat16().float()
    model = half_graph()
    KeepFloat32()(model)

    found = run(in_float32(model, rounds=rounds), x.numpy())

    np.testing.assert_allclose(found, compute(x, weight()).numpy(), rtol=tolerance)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"opset": 22}, "opset: bfloat16 needs 23 or more, got 22: leave --opset out"),
        ({"forms": parse_forms(["fused"])}, "form fused: there are only plain graphs in bfloat16: leave --form out"),
        ({"forms": parse_forms(["native"])}, "form native: there are only plain graphs in bfloat16"),
    ],
)
def test_what_bfloat16_has_not_is_refused_with_what_to_do(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ExportOptions(dtype="bfloat16", **options)


@pytest.mark.parametrize(("dtype", "opset"), [("float32", 18), ("float16", 18), ("bfloat16", 23)])
def test_the_operator_set_is_the_smallest_that_the_precision_has(dtype: Precision, opset: int) -> None:
    assert ExportOptions(dtype=dtype).operator_set == opset


def test_peers_find_their_weights_in_a_bfloat16_bundle() -> None:
    # The last two lie halfway between two bfloat16 numbers.
    values = torch.cat([torch.randn(1000, generator=torch.Generator().manual_seed(0)), torch.tensor([257.0, 259.0])])

    assert _stored(values.numpy(), "bfloat16") == values.bfloat16().view(torch.int16).numpy().tobytes()
