"""Graphs in other forms than plain: what is fused, that it means the same, and that one file of weights serves all."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from numpy.typing import NDArray
from torch.nn import functional

from accel_exporter import ExportOptions, parse_forms
from accel_exporter.check import relative_error
from accel_exporter.forms import EXPANSIONS, expand, fuse
from accel_exporter.graphs import Traceable
from accel_exporter.options import NATIVE_OPSET
from accel_exporter.program import export_program
from accel_exporter.unet import inference
from accel_exporter.write import to_onnx
from accel_runtime import InputError, Request, open_bundle
from accel_runtime.manifest import read_manifest

Array = NDArray[Any]
Block = tuple[torch.nn.Module, dict[str, torch.Tensor]]


def resnet(channels: int = 16, groups: int = 8) -> Block:
    module: Any = ResnetBlock2D
    block = module(in_channels=channels, temb_channels=12, groups=groups)
    return block, {"x": torch.randn(2, channels, 4, 6), "time": torch.randn(2, 12)}


def transformer(width: int) -> Block:
    module: Any = BasicTransformerBlock
    block = module(width, 2, width // 2, cross_attention_dim=16, activation_fn="geglu")

    class Ordered(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = block

        def forward(self, x: torch.Tensor, text: torch.Tensor) -> Any:
            return self.block(x, encoder_hidden_states=text)

    return Ordered(), {"x": torch.randn(2, 6, width), "text": torch.randn(2, 5, 16)}


def exported(block: Block) -> tuple[ir.Model, dict[str, Array], Array]:
    """The plain graph, inputs, and what torch makes of them."""
    module, inputs = block
    with inference(module), torch.no_grad():
        expected = module(*inputs.values()).numpy()
    program = export_program(Traceable("block", "decoder", module, inputs, outputs=("y",), axes={}), is_static=True)
    return to_onnx(program, opset=18), {name: value.numpy() for name, value in inputs.items()}, expected


def run(model: ir.Model, inputs: dict[str, Array]) -> list[Array]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString(), options)
    return [np.asarray(value) for value in session.run(None, inputs)]


def contrib(model: ir.Model) -> Counter[str]:
    return Counter(node.op_type for node in model.graph if node.domain == "com.microsoft")


@pytest.mark.parametrize(
    ("make", "fused"),
    [
        (resnet, {"GroupNorm": 1, "SkipGroupNorm": 1, "NhwcConv": 2}),
        # One channel a group, where the kernels read two.
        (lambda: resnet(16, 16), {"NhwcConv": 2}),
        (
            lambda: transformer(320),
            {"MultiHeadAttention": 2, "SkipLayerNormalization": 2, "BiasSplitGelu": 1, "BiasAdd": 1},
        ),
        # Gates and biases have kernels for Stable Diffusion's widths alone.
        (lambda: transformer(64), {"MultiHeadAttention": 2, "SkipLayerNormalization": 2}),
    ],
)
def test_what_has_a_kernel_is_fused_and_means_what_torch_means(
    make: Callable[[], Block], fused: dict[str, int]
) -> None:
    torch.manual_seed(0)
    model, inputs, expected = exported(make())

    made = fuse(model)

    assert contrib(made) == fused
    assert contrib(model) == {}
    assert relative_error(run(expand(made), inputs)[0], expected) <= 1e-5


def test_what_the_cpu_can_run_is_not_written_out() -> None:
    assert contrib(expand(fuse(exported(transformer(320))[0]))) == {
        "MultiHeadAttention": 2,
        "SkipLayerNormalization": 2,
    }


def single(op_type: str, inputs: dict[str, Array], **attributes: Any) -> ir.Model:
    """A graph of one fused operator."""
    values = [
        ir.Value(name=name, shape=ir.Shape(array.shape), type=ir.TensorType(ir.DataType.FLOAT))
        for name, array in inputs.items()
    ]
    node = ir.node(op_type, values, attributes, domain="com.microsoft", num_outputs=1)
    node.outputs[0].name = "y"
    node.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)
    graph = ir.Graph(values, node.outputs, nodes=[node], opset_imports={"": 18, "com.microsoft": 1}, name="single")
    return ir.Model(graph, ir_version=8)


def normal(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def _group_norm(x: Array, gamma: Array, beta: Array, skip: Array | None = None) -> Array:
    total = torch.from_numpy(x if skip is None else x + skip).permute(0, 3, 1, 2)
    made = functional.group_norm(total, 3, torch.from_numpy(gamma), torch.from_numpy(beta), eps=0.5)
    return functional.silu(made).permute(0, 2, 3, 1).numpy()


def _conv(x: Array, filters: Array, bias: Array) -> Array:
    image, kernel = (torch.from_numpy(values).permute(0, 3, 1, 2) for values in (x, filters))
    made = functional.conv2d(image, kernel, torch.from_numpy(bias), stride=2, padding=1)
    return made.permute(0, 2, 3, 1).numpy()


def _gate(x: Array, bias: Array) -> Array:
    left, right = torch.from_numpy(x + bias).chunk(2, dim=-1)
    return (left * functional.gelu(right)).numpy()


_IMAGE = normal(2, 4, 5, 6)
_NORM = {"groups": 3, "epsilon": 0.5, "activation": 1, "channels_last": 1}
_DOCUMENTED: dict[str, tuple[dict[str, Array], dict[str, Any], Callable[..., Array]]] = {
    "GroupNorm": ({"x": _IMAGE, "gamma": normal(6), "beta": normal(6) + 1}, _NORM, _group_norm),
    "SkipGroupNorm": (
        {"x": _IMAGE, "gamma": normal(6), "beta": normal(6) + 1, "skip": normal(2, 4, 5, 6)[::-1].copy()},
        _NORM,
        _group_norm,
    ),
    "NhwcConv": (
        {"x": _IMAGE, "filters": normal(4, 3, 3, 6), "bias": normal(4)},
        {"strides": [2, 2], "pads": [1, 1, 1, 1], "kernel_shape": [3, 3]},
        _conv,
    ),
    "BiasSplitGelu": ({"x": normal(2, 3, 8), "bias": normal(8)}, {}, _gate),
    "BiasAdd": (
        {"x": normal(2, 3, 8), "bias": normal(8), "skip": normal(2, 3, 8) + 2},
        {},
        lambda x, bias, skip: x + bias + skip,
    ),
}


@pytest.mark.parametrize("op_type", _DOCUMENTED)
def test_an_operator_written_out_does_what_its_documentation_says(op_type: str) -> None:
    inputs, attributes, meaning = _DOCUMENTED[op_type]
    (found,) = run(expand(single(op_type, inputs, **attributes)), inputs)

    np.testing.assert_allclose(found, meaning(*inputs.values()), rtol=1e-4, atol=1e-5)


def test_no_operator_is_written_out_that_was_not_held_against_its_documentation() -> None:
    runs_as_it_is = {"MultiHeadAttention", "QuickGelu"}
    assert set(EXPANSIONS) == set(_DOCUMENTED) | runs_as_it_is


@pytest.mark.parametrize("op_type", ["SkipGroupNorm", "BiasAdd"])
def test_shapes_that_a_kernel_refuses_are_not_stretched(op_type: str) -> None:
    inputs, attributes, _ = _DOCUMENTED[op_type]
    narrow = inputs | {"skip": inputs["skip"][:, :1]}

    with pytest.raises(Exception, match="Concat"):
        run(expand(single(op_type, narrow, **attributes)), narrow)


def test_every_graph_is_there_in_every_form_with_how_it_was_checked(forms_folder: Path) -> None:
    manifest = read_manifest(forms_folder)

    assert {form: sorted(graphs) for form, graphs in manifest.forms.items()} == dict.fromkeys(
        ("fused", "attention", "native"), sorted(manifest.graphs)
    )
    for form, how in (("fused", "expansion"), ("attention", "run"), ("native", "run")):
        graphs = manifest.forms[form].values()  # type: ignore[index]
        assert {graph.checked for graph in graphs} == {how}
        assert all(0 <= graph.relative_error <= 1e-4 for graph in graphs)
    assert not list(forms_folder.rglob("*expanded*"))


def test_forms_hold_the_operators_they_are_named_for(forms_folder: Path) -> None:
    graphs = {form: ir.load(forms_folder / "unet" / f"deep.{form}.onnx") for form in ("fused", "attention", "native")}
    fused, attention, native = graphs.values()

    assert contrib(fused) >= Counter(MultiHeadAttention=4, SkipGroupNorm=4, NhwcConv=16, SkipLayerNormalization=4)
    assert contrib(attention) == {"MultiHeadAttention": contrib(fused)["MultiHeadAttention"]}
    assert native.opset_imports[""] == NATIVE_OPSET
    assert {"Attention", "GroupNormalization"} <= {node.op_type for node in native.graph}


def test_forms_and_passes_share_every_tensor_of_equal_bytes(forms_folder: Path) -> None:
    """What deep adds to the file for its fused form, shallow finds there; native and plain are the same bytes."""

    def places(stem: str) -> set[tuple[int, int]]:
        model = ir.load(forms_folder / "unet" / f"{stem}.onnx")
        tensors = (value.const_value for value in model.graph.initializers.values())
        return {(t.offset or 0, t.length or 0) for t in tensors if isinstance(t, ir.ExternalTensor)}

    plain, fused = places("deep"), places("deep.fused")
    turned = sum(length for _, length in fused - plain)

    assert places("shallow_0.fused") <= fused
    assert places("shallow_0") <= plain
    assert places("deep.native") <= plain
    assert places("deep.attention") <= plain
    assert turned > 0
    size = (forms_folder / "unet" / "weights.data").stat().st_size
    assert size <= sum(length for _, length in plain | fused) * 1.01


@pytest.mark.parametrize(("asked", "ran"), [("native", "native"), (None, "attention")])
def test_graphs_of_other_forms_draw_the_picture_of_the_plain_ones(
    forms_folder: Path, asked: str | None, ran: str
) -> None:
    plain, other = (open_bundle(forms_folder, form=form) for form in ("plain", asked))
    plan, request = plain.plan(4, "every:2", scheduler="ddim"), Request(("a cat",), seed=3)

    found, expected = (pipeline.generate(request, plan).latents for pipeline in (other, plain))

    assert relative_error(found, expected) <= 1e-4
    assert [pipeline.describe().options["form"] for pipeline in (plain, other)] == ["plain", ran]


def test_a_form_that_the_provider_cannot_run_is_refused_before_any_graph_is_loaded(forms_folder: Path) -> None:
    with pytest.raises(InputError, match="form fused: cpu cannot run it, only cuda, rocm: take --form plain"):
        open_bundle(forms_folder, form="fused")


def test_the_shallow_pass_of_every_form_takes_the_same_feature(forms_folder: Path) -> None:
    manifest = read_manifest(forms_folder)
    native = ir.load(forms_folder / manifest.forms["native"]["unet_shallow_0"].file)
    fused = ir.load(forms_folder / manifest.forms["fused"]["unet_shallow_0"].file)
    sizes = {"batch": 2, "latent_height": 8, "latent_width": 8, "timesteps": 1}
    rng = np.random.default_rng(0)

    def given(spec: Any) -> Array:
        return rng.standard_normal([d if isinstance(d, int) else sizes[d] for d in spec.shape]).astype(np.float32)

    inputs = {spec.name: given(spec) for spec in manifest.graphs["unet_shallow_0"].inputs}
    for model in (native, fused):
        ir.external_data.load_to_model(model)
    (one,), (other,) = run(native, inputs), run(expand(fused), inputs)

    assert relative_error(other, one) <= 1e-5


@pytest.mark.parametrize("texts", [["fast"], ["plain,"]])
def test_forms_that_do_not_exist_are_refused(texts: list[str]) -> None:
    with pytest.raises(InputError, match="expected one of plain, fused, attention, native"):
        parse_forms(texts)


def test_fused_graphs_are_made_of_the_usual_operator_set() -> None:
    with pytest.raises(InputError, match="form fused: made of opset 18 to 20, got 23"):
        ExportOptions(opset=23, forms=parse_forms(["fused"]))


def test_graphs_for_processors_compute_in_float32_alone() -> None:
    with pytest.raises(InputError, match="form attention: processors run it in float32 alone, got float16"):
        ExportOptions(dtype="float16", forms=parse_forms(["attention"]))
