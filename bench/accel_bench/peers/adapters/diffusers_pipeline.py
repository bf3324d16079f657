"""Open and call a pipeline with diffusers' interface; peers share this."""

from typing import Any

import diffusers
import numpy as np
import torch
from numpy.typing import NDArray
from peer_protocol import Work


def open_pipeline(kind: Any, work: Work, **options: Any) -> Any:  # diffusers has no types
    """Open a pipeline of the class ``kind`` with the work's scheduler."""
    pipe = kind.from_pretrained(work.model, local_files_only=True, **options)
    pipe.scheduler = getattr(diffusers, work.scheduler["_class_name"]).from_config(work.scheduler)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def draw(
    pipe: Any, work: Work, *, steps: int, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> NDArray[np.uint8]:
    """Draw the work. ``device`` and ``dtype`` are those of the latents. Shape: [B, H, W, 3]."""
    latents = torch.from_numpy(work.noise())
    generators = [torch.Generator("cpu").manual_seed(work.seed + image) for image in range(work.batch)]
    # The generators would draw the latents first; noise of later steps must come after them.
    for generator in generators:
        torch.randn(latents.shape[1:], generator=generator)
    images = pipe(
        [work.prompt] * work.batch,
        height=work.height,
        width=work.width,
        num_inference_steps=steps,
        guidance_scale=work.guidance,
        latents=latents.to(device, dtype),
        generator=generators,
        output_type="np",
    ).images
    return (np.asarray(images) * 255).round().astype(np.uint8)
