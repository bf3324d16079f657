"""The deep pass, on UNets of many structures."""

from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel

from accel_exporter.graphs import Sizes, unet_deep
from accel_exporter.unet import DeepPass, branch_count, inference
from accel_exporter.upsampling import latent_multiple
from accel_runtime.errors import ExportError

SD15_LIKE = {
    "block_out_channels": (16, 32, 32, 32),
    "layers_per_block": 2,
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
}
STRUCTURES: dict[str, dict[str, Any]] = {
    "sd15": SD15_LIKE,
    "sd21, linear projections and heads per level": SD15_LIKE
    | {"use_linear_projection": True, "attention_head_dim": (2, 4, 4, 4)},
    "sdxl, deeper transformers on three levels": {
        "block_out_channels": (16, 32, 32),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": (1, 2, 3),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 6 * 8 + 16,
    },
    "uneven layers": {
        "block_out_channels": (16, 32),
        "layers_per_block": (1, 3),
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    },
    "no middle block": {
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "mid_block_type": None,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    },
    "resnets that sample": {
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
        "down_block_types": ("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        "up_block_types": ("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
    },
}


def make_unet(structure: str, *, guided: bool = False, **more: Any) -> UNet2DConditionModel:
    torch.manual_seed(0)
    defaults = {"sample_size": 16, "cross_attention_dim": 16, "attention_head_dim": 4, "norm_num_groups": 8}
    told = {"time_cond_proj_dim": 8} if guided else {}
    unet: UNet2DConditionModel = UNet2DConditionModel(**(defaults | STRUCTURES[structure] | told | more))
    return unet.eval()


def make_inputs(
    unet: UNet2DConditionModel, height: int = 16, width: int = 24
) -> tuple[tuple[torch.Tensor, ...], dict[str, Any]]:
    torch.manual_seed(1)
    more = {}
    if unet.config["addition_embed_type"] == "text_time":
        more = {"added_cond_kwargs": {"text_embeds": torch.randn(2, 16), "time_ids": torch.rand(2, 6)}}
    return (torch.randn(2, 4, height, width), torch.tensor([7.0]), torch.randn(2, 5, 16)), more


@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_deep_pass_is_the_unet_bit_for_bit(structure: str) -> None:
    unet = make_unet(structure)
    inputs, more = make_inputs(unet)
    with inference(unet):
        expected = unet(*inputs, return_dict=False, **more)[0]
        noise = DeepPass(unet, range(branch_count(unet))).record(*inputs, **more)[0]

    assert torch.equal(noise, expected)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_skip_makes_a_branch_and_each_feature_is_what_its_up_unit_joins(structure: str) -> None:
    unet = make_unet(structure)
    inputs, more = make_inputs(unet)
    joined: list[torch.Tensor] = []
    units = [resnet for block in unet.up_blocks for resnet in block.resnets]
    for unit in units:
        unit.register_forward_pre_hook(lambda _m, args: joined.append(args[0]))
    with inference(unet):
        features = DeepPass(unet, range(branch_count(unet))).record(*inputs, **more)[1:]

    assert len(features) == len(units)
    for k, feature in enumerate(features):
        assert torch.equal(feature, joined[len(units) - 1 - k][:, : feature.shape[1]])


def test_the_deep_pass_leaves_no_hooks_behind() -> None:
    unet = make_unet("sd15")
    inputs, _ = make_inputs(unet)
    with inference(unet):
        DeepPass(unet, (0, 1))(*inputs)

    assert not any(module._forward_hooks or module._forward_pre_hooks for module in unet.modules())


def test_a_unet_whose_blocks_keep_no_resnets_is_refused() -> None:
    unet = make_unet("uneven layers")
    unet.up_blocks[0] = torch.nn.Identity()

    with pytest.raises(ExportError, match="cannot be cut"):
        branch_count(unet)


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize("sized", [False, True])
def test_the_deep_pass_takes_what_the_config_asks_for_by_diffusers_names(*, sized: bool, guided: bool) -> None:
    unet = make_unet("sdxl, deeper transformers on three levels" if sized else "sd15", guided=guided)
    given = unet_deep(unet, (0,), sizes=Sizes(1, 16, 16), text_length=5)
    added = {name: given.inputs[name] for name in ("text_embeds", "time_ids") if sized}
    keywords = {"timestep_cond": given.inputs["timestep_cond"]} if guided else {}

    with inference(given.module) as module:
        noise = module(*given.inputs.values())[0]
        sample, timestep, text = (given.inputs[name] for name in ("sample", "timestep", "encoder_hidden_states"))
        expected = unet(sample, timestep, text, added_cond_kwargs=added, **keywords).sample

    assert set(given.inputs) == {"sample", "timestep", "encoder_hidden_states", *added, *keywords}
    assert torch.equal(noise, expected)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_latents_that_halve_to_odd_sizes_are_fitted_as_in_diffusers_or_not_allowed(structure: str) -> None:
    unet = make_unet(structure)
    if structure == "resnets that sample":
        assert latent_multiple(unet) == 2
        return
    inputs, more = make_inputs(unet, height=9, width=13)
    with inference(unet):
        (expected,) = unet(*inputs, **more, return_dict=False)
        found, *_ = DeepPass(unet, ()).record(*inputs, **more)

    assert latent_multiple(unet) == 1
    assert torch.equal(found, expected)


def test_a_downsampler_that_rounds_down_is_not_fitted() -> None:
    """Twice its size is less than the skip's, so nothing can be cropped."""
    unet = make_unet("sd15", downsample_padding=0)

    assert latent_multiple(unet) == 2**unet.num_upsamplers
