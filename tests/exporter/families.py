"""Small random pipelines of the families beside Stable Diffusion 1, made by diffusers' own classes."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import diffusers
import torch
from tests.exporter.pipelines import (
    TOKENS,
    VOCAB,
    set_clip_sample,
    tiny_scheduler,
    tiny_text_encoder,
    tiny_tokenizer,
    tiny_unet,
    tiny_vae,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from accel_exporter.libraries import quiet
from accel_exporter.sources.random_weights import byte_tokenizer

_POOLED: Final = 8
_TIME: Final = 4
_BETAS: Final = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
_OPEN_CLIP: Final = {"pad_token": "!"}
_diffusers: Any = diffusers


def _unet(text_width: int, **more: Any) -> Any:
    """Three levels as SDXL's: the outermost without attention, and a deeper transformer at each further one."""
    return _diffusers.UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 1, 2),
        attention_head_dim=(1, 2, 2),
        use_linear_projection=True,
        cross_attention_dim=text_width,
        norm_num_groups=4,
        **more,
    )


def _sized(ids: int) -> dict[str, Any]:
    """What makes a UNet take pooled text and ``ids`` numbers."""
    return {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": _TIME,
        "projection_class_embeddings_input_dim": ids * _TIME + _POOLED,
    }


def _open_clip(model: Any, *, width: int = 24) -> Any:
    """A text encoder with OpenCLIP's activation and numbers of special tokens, as SD2's and SDXL's second one."""
    config = CLIPTextConfig(
        vocab_size=VOCAB,
        hidden_size=width,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=TOKENS,
        projection_dim=_POOLED,
        hidden_act="gelu",
        bos_token_id=0,
        eos_token_id=2,
        pad_token_id=1,
    )
    return model(config)


def _two_texts() -> dict[str, Any]:
    return {
        "text_encoder": tiny_text_encoder(),
        "tokenizer": tiny_tokenizer(),
        "text_encoder_2": _open_clip(CLIPTextModelWithProjection),
        "tokenizer_2": byte_tokenizer(VOCAB, TOKENS, **_OPEN_CLIP),
    }


def _sdxl(levels: int = 2) -> Any:
    return _diffusers.StableDiffusionXLPipeline(
        vae=tiny_vae(levels),
        **_two_texts(),
        unet=_unet(16 + 24, **_sized(6)),
        scheduler=_diffusers.EulerDiscreteScheduler(**_BETAS, steps_offset=1),
        force_zeros_for_empty_prompt=True,
    )


def _refiner() -> Any:
    return _diffusers.StableDiffusionXLImg2ImgPipeline(
        vae=tiny_vae(),
        text_encoder=None,
        tokenizer=None,
        text_encoder_2=_open_clip(CLIPTextModelWithProjection),
        tokenizer_2=byte_tokenizer(VOCAB, TOKENS, **_OPEN_CLIP),
        unet=_unet(24, **_sized(5)),
        scheduler=_diffusers.EulerDiscreteScheduler(**_BETAS, steps_offset=1),
        requires_aesthetics_score=True,
        force_zeros_for_empty_prompt=False,
    )


def _sd21() -> Any:
    return _diffusers.StableDiffusionPipeline(
        vae=tiny_vae(),
        text_encoder=_open_clip(CLIPTextModel),
        tokenizer=byte_tokenizer(VOCAB, TOKENS, **_OPEN_CLIP),
        unet=_unet(24),
        scheduler=_diffusers.DDIMScheduler(
            **_BETAS, steps_offset=1, clip_sample=False, set_alpha_to_one=False, prediction_type="v_prediction"
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _lcm() -> Any:
    return _diffusers.LatentConsistencyModelPipeline(
        vae=tiny_vae(),
        text_encoder=tiny_text_encoder(),
        tokenizer=tiny_tokenizer(),
        unet=_unet(16, time_cond_proj_dim=16),
        scheduler=_diffusers.LCMScheduler.from_config(tiny_scheduler().config),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _inpaint() -> Any:
    return _diffusers.StableDiffusionInpaintPipeline(
        vae=tiny_vae(),
        text_encoder=tiny_text_encoder(),
        tokenizer=tiny_tokenizer(),
        unet=tiny_unet(in_channels=9),
        scheduler=tiny_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _sdxl_inpaint() -> Any:
    return _diffusers.StableDiffusionXLInpaintPipeline(
        vae=tiny_vae(),
        **_two_texts(),
        unet=_unet(16 + 24, in_channels=9, **_sized(6)),
        scheduler=_diffusers.EulerDiscreteScheduler(**_BETAS, steps_offset=1),
        force_zeros_for_empty_prompt=True,
    )


def controlnet(unet: Any, **more: Any) -> Any:
    """A ControlNet for a UNet, whose outputs are no zeros as in one before its training."""
    net = _diffusers.ControlNetModel.from_unet(
        unet, conditioning_channels=3, conditioning_embedding_out_channels=(4, 8), load_weights_from_unet=False, **more
    )
    for name, parameter in net.named_parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.3 if name.endswith("weight") else 0.05)
    return net


def _control() -> Any:
    unet = tiny_unet()
    return _diffusers.StableDiffusionControlNetPipeline(
        vae=tiny_vae(),
        text_encoder=tiny_text_encoder(),
        tokenizer=tiny_tokenizer(),
        unet=unet,
        controlnet=[controlnet(unet), controlnet(unet)],
        scheduler=tiny_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _sdxl_control() -> Any:
    unet = _unet(16 + 24, **_sized(6))
    return _diffusers.StableDiffusionXLControlNetPipeline(
        vae=tiny_vae(),
        **_two_texts(),
        unet=unet,
        controlnet=controlnet(unet),
        scheduler=_diffusers.EulerDiscreteScheduler(**_BETAS, steps_offset=1),
        force_zeros_for_empty_prompt=True,
    )


def _unet_2d(**more: Any) -> Any:
    """Three levels as of DDPM's models: attention without text on one of them, and downsamplers that pad one side."""
    return _diffusers.UNet2DModel(
        sample_size=16,
        block_out_channels=(8, 16, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=4,
        downsample_padding=0,
        flip_sin_to_cos=False,
        freq_shift=1,
        norm_num_groups=4,
        **more,
    )


def _ddpm(**more: Any) -> Any:
    return _diffusers.DDPMPipeline(unet=_unet_2d(**more), scheduler=_diffusers.DDPMScheduler(clip_sample=False))


def _ddim() -> Any:
    return _diffusers.DDIMPipeline(unet=_unet_2d(), scheduler=_diffusers.DDIMScheduler(clip_sample=False))


def _ldm() -> Any:
    vqvae = _diffusers.VQModel(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        num_vq_embeddings=40,
        norm_num_groups=4,
        scaling_factor=0.5,
    )
    # Entries as far from each other as latents are, so that which one is nearest is no matter of rounding.
    torch.nn.init.normal_(vqvae.quantize.embedding.weight)
    return _diffusers.LDMPipeline(
        vqvae=vqvae, unet=_unet_2d(), scheduler=_diffusers.DDIMScheduler(**_BETAS, clip_sample=False)
    )


FAMILIES: Final[Mapping[str, Callable[[], Any]]] = {
    "sdxl": _sdxl,
    # With 8 pixels per latent, so that diffusers, which wants multiples of 8, lets latents be odd.
    "eighths": partial(_sdxl, levels=4),
    "refiner": _refiner,
    "sd21": _sd21,
    "lcm": _lcm,
    "inpaint": _inpaint,
    "sdxl-inpaint": _sdxl_inpaint,
    "control": _control,
    "sdxl-control": _sdxl_control,
    "ddpm": _ddpm,
    "ddim": _ddim,
    "classes": partial(_ddpm, num_class_embeds=5),
    "ldm": _ldm,
}


# What each one's bundle has tables of.
SCHEDULERS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "sdxl": ("euler", "ddim", "dpmpp_2m", "euler_a"),
    "eighths": ("euler", "ddim", "dpmpp_2m"),
    "refiner": ("euler", "ddim", "euler_a"),
    "sd21": ("ddim", "euler", "dpmpp_2m", "pndm"),
    "lcm": ("lcm",),
    "inpaint": ("ddim", "euler_a", "dpmpp_2m"),
    "sdxl-inpaint": ("euler", "ddim", "dpmpp_2m"),
    "control": ("ddim", "euler_a", "dpmpp_2m"),
    "sdxl-control": ("euler", "ddim", "dpmpp_2m"),
    "ddpm": ("ddpm", "ddim", "dpmpp_2m", "dpmpp_2m_sde"),
    "ddim": ("ddim",),
    "classes": ("ddpm", "ddim", "euler"),
    "ldm": ("ddim", "dpmpp_2m", "pndm"),
}


def write_family(name: str, folder: Path, seed: int = 0) -> None:
    """Save the small pipeline of a family into ``folder`` with diffusers itself, float32, with weights of that seed."""
    with torch.random.fork_rng(devices=[]), quiet():
        torch.default_generator.manual_seed(seed)
        FAMILIES[name]().save_pretrained(folder)
    set_clip_sample(folder / "scheduler" / "scheduler_config.json")


def load_family(folder: Path) -> Any:
    """A folder's pipeline in diffusers itself."""
    with quiet():
        loaded = _diffusers.DiffusionPipeline.from_pretrained(folder)
    loaded.set_progress_bar_config(disable=True)
    return loaded
