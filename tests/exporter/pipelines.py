"""A real diffusers pipeline, small enough to write in a moment, for tests to read and to break."""

import json
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from accel_exporter.libraries import quiet
from accel_exporter.sources.random_weights import byte_tokenizer

# diffusers leaves its constructors without annotations; the functions below say what they return.
_UNET: Final[Any] = UNet2DConditionModel
_VAE: Final[Any] = AutoencoderKL
_SCHEDULER: Final[Any] = PNDMScheduler
_PIPELINE: Final[Any] = StableDiffusionPipeline

VOCAB = 520
TOKENS = 12


def tiny_unet(**more: Any) -> UNet2DConditionModel:
    """Return a UNet of two levels with random weights; ``more`` goes into its config."""
    unet: UNet2DConditionModel = _UNET(
        sample_size=8,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=2,
        norm_num_groups=8,
        **more,
    )
    return unet


def tiny_vae(levels: int = 2) -> AutoencoderKL:
    """Return an autoencoder with random weights: 2 pixels per latent with two levels, 8 with four."""
    vae: AutoencoderKL = _VAE(
        block_out_channels=(8,) * (levels - 1) + (16,),
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=16,
    )
    return vae


def tiny_text_encoder() -> CLIPTextModel:
    """Return a text encoder of two layers with random weights."""
    config = CLIPTextConfig(
        vocab_size=VOCAB,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=TOKENS,
        projection_dim=16,
        bos_token_id=VOCAB - 2,
        eos_token_id=VOCAB - 1,
        pad_token_id=VOCAB - 1,
    )
    return CLIPTextModel(config)


def tiny_tokenizer() -> CLIPTokenizer:
    """Return a tokenizer that fits `tiny_text_encoder`."""
    return byte_tokenizer(VOCAB, TOKENS)


def tiny_scheduler() -> PNDMScheduler:
    """Return SD1.5's scheduler."""
    scheduler: PNDMScheduler = _SCHEDULER(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        skip_prk_steps=True,
        steps_offset=1,
        set_alpha_to_one=False,
    )
    return scheduler


def tiny_pipeline(seed: int = 0) -> Any:
    """Return a whole `StableDiffusionPipeline`, float32, with weights of that seed."""
    with torch.random.fork_rng(devices=[]), quiet():
        torch.default_generator.manual_seed(seed)
        return _PIPELINE(
            vae=tiny_vae(),
            text_encoder=tiny_text_encoder(),
            tokenizer=tiny_tokenizer(),
            unet=tiny_unet(),
            scheduler=tiny_scheduler(),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )


def write_tiny_pipeline(
    folder: Path,
    seed: int = 0,
    *,
    safetensors: bool = True,
    variant: str | None = None,
    max_shard_size: str | None = None,
) -> Any:
    """Save a `tiny_pipeline` into ``folder`` with diffusers itself, and return it.

    Args:
        folder: Where to; files already there of other formats or variants stay.
        seed: The seed of the weights.
        safetensors: False writes ``.bin`` pickles.
        variant: ``fp16`` writes half precision under names of that variant.
        max_shard_size: Such as ``60KB``, which cuts UNet and VAE into shards with an index.
    """
    pipeline = tiny_pipeline(seed)
    with quiet():
        if variant == "fp16":
            pipeline.to(dtype=torch.float16)
        pipeline.save_pretrained(folder, safe_serialization=safetensors, variant=variant, max_shard_size=max_shard_size)
    set_clip_sample(folder / "scheduler" / "scheduler_config.json")
    if not safetensors:
        _to_bin(folder / "text_encoder", pipeline.text_encoder)
    return pipeline


def set_clip_sample(path: Path) -> None:
    """SD1.5's file says so, although PNDM has no such option: a DDIM made from it must not clip."""
    path.write_text(json.dumps(json.loads(path.read_text()) | {"clip_sample": False}))


def _to_bin(folder: Path, model: torch.nn.Module) -> None:
    """Write what transformers 4 wrote: version 5 no longer saves pickles."""
    (folder / "model.safetensors").unlink()
    old_names = {f"text_model.{name}": tensor for name, tensor in model.state_dict().items()}
    torch.save(old_names, folder / "pytorch_model.bin")


def load_in_diffusers(folder: Path) -> Any:
    """A folder's pipeline in diffusers itself."""
    from diffusers import StableDiffusionPipeline

    loader: Any = StableDiffusionPipeline
    loaded = loader.from_pretrained(folder, safety_checker=None, requires_safety_checker=False)
    loaded.set_progress_bar_config(disable=True)
    return loaded
