"""Graphs of gated calls: they make the noise that torch makes where cross-attentions give what they are told."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from diffusers.models.attention import BasicTransformerBlock
from numpy.typing import NDArray
from tests.exporter.pipelines import tiny_unet
from tests.exporter.small_unet import SIZES, plain, traceable, unet

from accel_exporter import ExportOptions, StaticSize, parse_forms
from accel_exporter.check import relative_error
from accel_exporter.forms import fuse_attention
from accel_exporter.gating import cut_gated, cut_gated_shallow, keep_attended, kept_reference, recording
from accel_exporter.int8.options import Int8
from accel_exporter.merging import merge_tokens
from accel_exporter.options import NATIVE_OPSET
from accel_exporter.precision import in_precision
from accel_exporter.program import export_program
from accel_exporter.unet import inference
from accel_exporter.write import to_onnx
from accel_runtime import InputError
from accel_runtime.errors import ExportError

Array = NDArray[Any]


@cache
def keeping(opset: int = 18) -> ir.Model:
    return keep_attended(plain(opset))


def run(model: ir.Model, given: dict[str, Array]) -> dict[str, Array]:
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString())
    wanted = {each.name: given[each.name] for each in session.get_inputs()}
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, map(np.asarray, session.run(None, wanted)), strict=True))


def given(height: int, width: int) -> dict[str, Array]:
    """Inputs of any graph, with what cross-attentions might have given at another call."""
    inputs = {name: tensor.numpy() for name, tensor in traceable(height, width).inputs.items()}
    reference = kept_reference(traceable(height, width))
    kept = {name: values[::-1] for name, values in reference.outputs.items() if name.startswith("attended_")}
    return {**inputs, **kept, "feature_0": reference.outputs["feature_0"][::-1]}


def replacing(kept: Sequence[Array], inputs: dict[str, Array]) -> Array:
    """The noise of the UNet whose cross-attentions give these, in the order in which they run."""
    left = [torch.from_numpy(np.ascontiguousarray(values)) for values in kept]
    blocks = [module for module in unet().modules() if isinstance(module, BasicTransformerBlock)]
    with ExitStack() as hooks, inference(unet()) as module:
        for block in blocks:
            hook = block.attn2.register_forward_hook(lambda _, __, made: left.pop(0).reshape(made.shape))
            hooks.callback(hook.remove)
        names = ("sample", "timestep", "encoder_hidden_states")
        noise: Array = module(*(torch.from_numpy(inputs[name]) for name in names), return_dict=False)[0].numpy()
    assert not left
    return noise


@pytest.mark.parametrize("size", SIZES)
def test_a_keeping_graph_also_makes_what_cross_attentions_give(size: tuple[int, int]) -> None:
    inputs, reference = given(*size), kept_reference(traceable(*size))

    made = run(keeping(), inputs)

    assert list(made) == ["out_sample", "feature_0", "feature_1", *(f"attended_{at}" for at in range(4))]
    for name, expected in reference.outputs.items():
        assert made[name].shape == expected.shape
        assert relative_error(made[name], expected) <= 1e-5


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("opset", [18, NATIVE_OPSET])
def test_a_gated_graph_makes_the_noise_of_torch_whose_cross_attentions_give_what_was_kept(
    opset: int, size: tuple[int, int]
) -> None:
    inputs = given(*size)
    kept = [inputs[f"attended_{at}"] for at in range(4)]

    made = run(cut_gated(keeping(opset)), inputs)

    expected = replacing(kept, inputs)
    assert relative_error(made["out_sample"], expected) <= 1e-5
    assert relative_error(run(plain(), inputs)["out_sample"], expected) > 1e-3


def test_a_gated_graph_is_given_no_text_and_has_no_cross_attention() -> None:
    counts = [sum(node.op_type == "Softmax" for node in model.graph) for model in (plain(), cut_gated(keeping()))]

    assert counts == [8, 4]
    assert [value.name for value in cut_gated(keeping()).graph.inputs] == [
        "sample",
        "timestep",
        *(f"attended_{at}" for at in range(4)),
    ]


def test_a_gated_shallow_graph_takes_what_was_kept_of_its_own_part() -> None:
    inputs = given(10, 12)
    shallow = cut_gated_shallow(keeping(), "feature_0")
    deep = run(cut_gated(keeping()), inputs)

    names = [value.name for value in shallow.graph.inputs]
    assert names == ["sample", "timestep", "feature_0", "attended_3"]
    again = run(shallow, {**inputs, "feature_0": deep["feature_0"]})
    assert relative_error(again["out_sample"], deep["out_sample"]) <= 1e-6
    assert relative_error(run(shallow, inputs)["out_sample"], deep["out_sample"]) > 1e-4


def test_forms_of_gated_graphs_make_the_same_noise() -> None:
    inputs = given(10, 12)

    for model in (keeping(), cut_gated(keeping())):
        fused = fuse_attention(model)
        assert sum(node.op_type == "MultiHeadAttention" for node in fused.graph) in (4, 8)
        assert relative_error(run(fused, inputs)["out_sample"], run(model, inputs)["out_sample"]) <= 1e-5


def test_in_half_precision_what_is_kept_is_half_precision_too() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        half = in_precision(traceable(of=tiny_unet()), "float16")
    model = keep_attended(to_onnx(export_program(half, is_static=True), opset=18))
    inputs = given(10, 12)

    made = run(model, inputs)
    again = run(cut_gated(model), {**inputs, **made})

    assert {made[name].dtype for name in made if name.startswith("attended_")} == {np.dtype(np.float16)}
    assert relative_error(again["out_sample"], kept_reference(traceable()).outputs["out_sample"]) <= 2e-2


def test_a_merged_graph_keeps_tensors_of_the_same_shapes() -> None:
    kept = [[str(value.shape) for value in model.graph.outputs] for model in (keep_attended(plain()), keeping())]
    merged = keep_attended(merge_tokens(plain(), 0.5))

    assert kept[0] == [str(value.shape) for value in merged.graph.outputs]


def test_hooks_are_gone_afterwards_and_self_attentions_are_not_kept() -> None:
    inputs = list(traceable().inputs.values())
    with inference(unet()) as module, recording(module) as attended:
        module(*inputs, return_dict=False)
    count = len(attended)
    with inference(unet()) as module:
        module(*inputs, return_dict=False)

    assert count == len(attended) == 4
    assert tuple(attended[0].shape) == (4, 10, 12, 16)


def test_a_unet_without_text_is_refused() -> None:
    model = plain().clone()
    text = next(value for value in model.graph.inputs if value.name == "encoder_hidden_states")
    text.name = "something_else"

    with pytest.raises(ExportError, match="tgate: the UNet has no cross-attention"):
        keep_attended(model)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "bfloat16"}, "tgate: expected --dtype fp32 or fp16"),
        ({"with_inductor": True}, "tgate: only ONNX graphs are gated"),
        ({"static": StaticSize()}, "tgate: gated calls have other rows than guided ones"),
        ({"int8": Int8("weights")}, "tgate: no graph in int8 is gated"),
    ],
)
def test_gating_is_refused_beside_what_has_no_such_graphs(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ExportOptions(tgate=True, **options)
    assert ExportOptions(tgate=True, forms=parse_forms(["native"])).tgate
