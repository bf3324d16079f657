"""optimum's `ORTStableDiffusionPipeline` on ONNX Runtime's CPU provider."""

from typing import Any

import diffusers
import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from optimum.onnxruntime import ORTStableDiffusionPipeline
from peer_protocol import Clock, Work, serve


class OptimumPeer:
    """The graphs that optimum exports of the same weights."""

    packages: tuple[str, ...] = ("optimum", "optimum-onnx", "onnxruntime", "torch", "diffusers", "transformers")
    unequal: tuple[str, ...] = ()

    def __init__(self, work: Work, clock: Clock) -> None:
        self._work = work
        options = onnxruntime.SessionOptions()
        if work.threads is not None:
            options.intra_op_num_threads = work.threads
        loader: Any = ORTStableDiffusionPipeline
        self._pipe = loader.from_pretrained(work.model, session_options=options, local_files_only=True)
        self._pipe.scheduler = getattr(diffusers, work.scheduler["_class_name"]).from_config(work.scheduler)
        self._pipe.set_progress_bar_config(disable=True)
        for name in ("text_encoder", "unet", "vae_decoder"):
            _time(getattr(self._pipe, name), name, clock)
        self.settings: dict[str, str | int | float | bool] = {
            "threads": work.threads or "ONNX Runtime's own choice",
            "dtype": "float32",
            "provider": self._pipe.unet.session.get_providers()[0],
            "io_binding": bool(self._pipe.unet.use_io_binding),
        }

    def draw(self, steps: int) -> NDArray[np.uint8]:
        """See `peer_protocol.Peer`."""
        work = self._work
        latents = torch.from_numpy(work.noise())
        generators = [torch.Generator("cpu").manual_seed(work.seed + image) for image in range(work.batch)]
        # The latents are what these would draw first; noise of later steps must come after them.
        for generator in generators:
            torch.randn(latents.shape[1:], generator=generator)
        images = self._pipe(
            [work.prompt] * work.batch,
            height=work.height,
            width=work.width,
            num_inference_steps=steps,
            guidance_scale=work.guidance,
            latents=latents,
            generator=generators,
            output_type="np",
        ).images
        return (np.asarray(images) * 255).round().astype(np.uint8)


def _time(part: Any, name: str, clock: Clock) -> None:  # optimum's parts share no typed base
    forward = part.forward

    def timed(*arguments: Any, **options: Any) -> Any:
        with clock.span(name):
            return forward(*arguments, **options)

    part.forward = timed


if __name__ == "__main__":
    serve(OptimumPeer)
