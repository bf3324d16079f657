"""optimum's `ORTStableDiffusionPipeline` on ONNX Runtime's CPU provider."""

from typing import Any

import numpy as np
import onnxruntime
from diffusers_pipeline import draw, open_pipeline
from numpy.typing import NDArray
from optimum.onnxruntime import ORTStableDiffusionPipeline
from peer_protocol import Clock, Work, serve


class OptimumPeer:
    """Graphs that optimum exports from the same weights."""

    packages: tuple[str, ...] = ("optimum", "optimum-onnx", "onnxruntime", "torch", "diffusers", "transformers")
    unequal: tuple[str, ...] = ()

    def __init__(self, work: Work, clock: Clock) -> None:
        self._work = work
        options = onnxruntime.SessionOptions()
        if work.threads is not None:
            options.intra_op_num_threads = work.threads
        self._pipe = open_pipeline(ORTStableDiffusionPipeline, work, session_options=options)
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
        return draw(self._pipe, self._work, steps=steps)


def _time(part: Any, name: str, clock: Clock) -> None:  # optimum's parts share no typed base
    forward = part.forward

    def timed(*arguments: Any, **options: Any) -> Any:
        with clock.span(name):
            return forward(*arguments, **options)

    part.forward = timed


if __name__ == "__main__":
    serve(OptimumPeer)
