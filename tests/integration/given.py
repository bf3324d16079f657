"""What diffusers' pipelines with text give their UNets for a cat, for reuse by hand."""

from collections.abc import Sequence
from typing import Any

import torch
from tests.integration.by_hand import Given

GUIDANCE = 5.0


def given_text(pipe: Any, *, size: tuple[int, int]) -> Given:
    """Text, and what the pipeline's kind has beside it: both halves where the UNet is not told the guidance.

    Args:
        pipe: One of Stable Diffusion, SDXL, its refiner, or latent consistency models.
        size: Height and width of the picture.
    """
    if "text_encoder_2" in pipe.components:
        return _of_xl(pipe, size)
    is_told = pipe.unet.config.time_cond_proj_dim is not None
    prompt, negative = pipe.encode_prompt("a cat", "cpu", 1, do_classifier_free_guidance=not is_told)
    if is_told:
        return Given(prompt, {}, pipe.get_guidance_scale_embedding(torch.tensor([GUIDANCE - 1]), embedding_dim=16))
    return Given(torch.cat([negative, prompt]), {})


def _of_xl(pipe: Any, size: tuple[int, int]) -> Given:
    prompt, negative, pooled, negative_pooled = pipe.encode_prompt("a cat", device="cpu")
    is_rated = pipe.config.get("requires_aesthetics_score")
    ends: Sequence[list[float]] = [[2.5], [6.0]] if is_rated else [[*size]] * 2
    ids = torch.tensor([[*size, 0, 0, *end] for end in ends], dtype=torch.float32)
    added = {"text_embeds": torch.cat([negative_pooled, pooled]), "time_ids": ids}
    return Given(torch.cat([negative, prompt]), added)
