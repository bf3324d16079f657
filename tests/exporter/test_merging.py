"""Graphs that merge tokens: they are the UNet that `tomesd` patches, with its random choice turned off."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import tomesd
import torch
from diffusers.models.attention import BasicTransformerBlock
from numpy.typing import NDArray
from tests.exporter.pipelines import tiny_unet
from tests.exporter.small_unet import SIZES, plain, traceable, unet

from accel_exporter import ExportOptions, parse_forms, parse_tome
from accel_exporter.check import relative_error
from accel_exporter.flops import count_flops
from accel_exporter.forms import fuse, fuse_attention
from accel_exporter.merging import merge_tokens, merging
from accel_exporter.passes import cut_shallow
from accel_exporter.precision import in_precision
from accel_exporter.program import export_program
from accel_exporter.unet import inference
from accel_exporter.write import to_onnx
from accel_runtime import InputError
from accel_runtime.errors import ExportError

Array = NDArray[Any]
RATIO = 0.5


@cache
def merged(ratio: float = RATIO) -> ir.Model:
    return merge_tokens(plain(), ratio)


def run(model: ir.Model, inputs: dict[str, Array]) -> list[Array]:
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString())
    return [np.asarray(each) for each in session.run(None, inputs)]


def given(height: int, width: int) -> dict[str, Array]:
    return {name: tensor.numpy() for name, tensor in traceable(height, width).inputs.items()}


def patched(ratio: float, inputs: dict[str, Array], *, of: Any = None, **options: Any) -> Array:
    """What the UNet makes that `tomesd` patched."""
    module = of or unet()
    tomesd.apply_patch(module, ratio=ratio, use_rand=False, **options)
    try:
        with inference(module):
            noise: Array = module(*map(torch.from_numpy, inputs.values()), return_dict=False)[0].numpy()
            return noise
    finally:
        tomesd.remove_patch(module)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ratio", [0.3, 0.75])
def test_a_graph_of_open_sizes_makes_the_noise_of_the_unet_that_tomesd_patched(
    ratio: float, size: tuple[int, int]
) -> None:
    inputs = given(*size)
    expected = patched(ratio, inputs)

    assert relative_error(run(merged(ratio), inputs)[0], expected) <= 1e-5
    assert relative_error(run(plain(), inputs)[0], expected) > 1e-3


def test_where_the_first_level_has_no_attention_those_of_the_next_merge_tokens_in_a_graph_of_one_size() -> None:
    downs, ups = ("DownBlock2D", "CrossAttnDownBlock2D"), ("CrossAttnUpBlock2D", "UpBlock2D")
    other: Any = type(unet()).from_config({**unet().config, "down_block_types": downs, "up_block_types": ups})
    traced = traceable(of=other)
    model = merge_tokens(to_onnx(export_program(traced, is_static=True), opset=18), RATIO)
    inputs = {name: tensor.numpy() for name, tensor in traced.inputs.items()}
    with inference(other) as module, merging(module, RATIO):
        hooked = module(*traced.inputs.values(), return_dict=False)[0].numpy()
    expected = patched(RATIO, inputs, of=other, max_downsample=2)

    assert relative_error(hooked, expected) <= 1e-5
    assert relative_error(run(model, inputs)[0], expected) <= 1e-5
    assert sum(node.op_type == "ArgMax" for node in model.graph) == 1 + 1 + 2  # down, middle and up


@pytest.mark.parametrize("size", SIZES)
def test_torch_with_hooks_is_the_unet_that_tomesd_patched(size: tuple[int, int]) -> None:
    inputs = given(*size)
    with inference(unet()) as module, merging(module, RATIO):
        made = module(*map(torch.from_numpy, inputs.values()), return_dict=False)[0].numpy()

    assert relative_error(made, patched(RATIO, inputs)) <= 1e-5


def test_in_half_precision_the_noise_is_near_that_of_float32() -> None:
    inputs = given(10, 12)
    expected = patched(RATIO, inputs)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        half = in_precision(traceable(of=tiny_unet()), "float16")
    model = merge_tokens(to_onnx(export_program(half, is_static=False), opset=18), RATIO)

    assert relative_error(run(model, inputs)[0], expected) <= 2e-2
    assert not {node.op_type for node in model.graph} & {"ScatterND", "ScatterElements"}


def test_what_is_drawn_is_the_same_each_time() -> None:
    assert np.array_equal(run(merged(), given(10, 12))[0], run(merged(), given(10, 12))[0])


def test_only_the_largest_self_attentions_merge_tokens() -> None:
    blocks = [module for module in unet().modules() if isinstance(module, BasicTransformerBlock)]
    counts = [sum(node.op_type == "ArgMax" for node in model.graph) for model in (plain(), merged())]

    # The middle block's has a quarter of the tokens.
    assert (len(blocks), counts) == (4, [0, 3])


def test_a_shallow_pass_that_merges_tokens_is_cut_out_of_the_deep_one() -> None:
    inputs = given(10, 12)
    noise, feature, _ = run(merged(), inputs)
    shallow = cut_shallow(merged(), "feature_0")

    assert sum(node.op_type == "ArgMax" for node in shallow.graph) == 1
    assert relative_error(run(shallow, {**inputs, "feature_0": feature})[0], noise) <= 1e-6


@pytest.mark.parametrize("form", [fuse, fuse_attention])
def test_a_form_of_the_merged_graph_has_as_many_fused_attentions(form: Any) -> None:
    counts = [sum(node.op_type == "MultiHeadAttention" for node in form(model).graph) for model in (plain(), merged())]

    assert counts[0] == counts[1] == 2 * 4
    assert relative_error(run(fuse_attention(merged()), given(10, 12))[0], run(merged(), given(10, 12))[0]) <= 1e-5


def test_merging_saves_what_the_attentions_cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {"batch": 1, "timesteps": 1, "latent_height": 16, "latent_width": 16}
    flops = []
    for model in (plain(), merged()):
        ir.save(model, tmp_path / "model.onnx")
        flops.append(count_flops(tmp_path / "model.onnx", sizes))

    assert "Skipping" not in capsys.readouterr().err
    tokens, width, fewer, corners = 256, 16, 128, 64
    linear = 4 * (tokens - fewer) * width**2
    pairs = 2 * (tokens**2 - fewer**2) * width
    matching = (tokens - corners) * corners * width + corners * fewer * width
    blocks = 3
    assert flops[0] - flops[1] == 2 * blocks * (linear + pairs - matching)


def test_a_unet_without_transformer_blocks_is_refused() -> None:
    model = plain().clone()
    for node in list(model.graph):
        if node.op_type == "LayerNormalization":
            node.op_type = "Identity"

    with pytest.raises(ExportError, match="no self-attention"):
        merge_tokens(model, RATIO)
    with pytest.raises(ExportError, match="no self-attention"), merging(torch.nn.Linear(1, 1), RATIO):
        pass


@pytest.mark.parametrize("text", ["0", "0.8", "1", "0.123", "half", "", "0.3,", "-0.5", "nan"])
def test_a_share_that_no_graph_can_merge_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"expected shares of the tokens in hundredths, 0\.01 to 0\.75"):
        parse_tome(text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "bfloat16"}, "--dtype fp32 or fp16"),
        ({"forms": parse_forms(["native"])}, "leave --form native or --tome out"),
        ({"with_inductor": True}, "only ONNX graphs merge tokens"),
    ],
)
def test_merging_is_refused_beside_what_has_no_such_graphs(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ExportOptions(tome=(RATIO,), **options)
