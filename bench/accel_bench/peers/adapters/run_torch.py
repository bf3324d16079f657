"""diffusers in eager mode, with torch.compile, or with the DeepCache package: ``run_torch.py NAME``."""

import sys
from time import perf_counter
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers_pipeline import draw, open_pipeline
from numpy.typing import NDArray
from peer_protocol import Clock, Work, serve

_DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


class TorchPeer:
    """`StableDiffusionPipeline`, run as in its documentation."""

    packages: tuple[str, ...] = ("torch", "diffusers", "transformers")

    def __init__(self, work: Work, clock: Clock) -> None:
        self._work = work
        self._dtype = next((_DTYPES[option] for option in work.options if option in _DTYPES), torch.float32)
        self._device = "cuda" if "cuda" in work.options else "cpu"
        if work.threads is not None:
            torch.set_num_threads(work.threads)
        self._pipe = _load(work, self._dtype).to(self._device)
        _time(self._pipe.text_encoder, "text_encoder", clock)
        _time(self._pipe.unet, "unet", clock)
        _time(self._pipe.vae.decoder, "vae_decoder", clock)
        self.settings: dict[str, str | int | float | bool] = {
            "threads": torch.get_num_threads(),
            "device": torch.cuda.get_device_name() if self._device == "cuda" else "cpu",
            "dtype": str(self._dtype).removeprefix("torch."),
            "channels_last": self._dtype != torch.float32,
        }
        half = f"computes in {self.settings['dtype']}, latents included, where ours keeps them in float32"
        self.unequal = () if self._dtype == torch.float32 else (half,)

    def draw(self, steps: int) -> NDArray[np.uint8]:
        """See `peer_protocol.Peer`."""
        return draw(self._pipe, self._work, steps=steps, device=self._device, dtype=self._dtype)

    def compile(self) -> None:
        """Compile the UNet. Hooks stay outside, so that whole calls are timed."""
        from torch._inductor import config  # noqa: PLC0415  # slow to import, and only needed here

        config.freezing = True
        unet = self._pipe.unet
        unet.forward = torch.compile(unet.forward)
        self.settings |= {"compiled": "unet", "freezing": True}

    def reuse(self, interval: int) -> None:
        """Let DeepCache run the whole UNet once per interval of calls."""
        from DeepCache import DeepCacheSDHelper  # noqa: PLC0415  # installed for this peer alone

        self._helper = DeepCacheSDHelper(pipe=self._pipe)
        self._helper.set_params(cache_interval=interval, cache_branch_id=0)
        self._helper.enable()
        self.packages = (*self.packages, "DeepCache")
        self.settings |= {"cache_interval": interval, "cache_branch_id": 0}


def _load(work: Work, dtype: torch.dtype) -> Any:  # diffusers has no types
    pipe = open_pipeline(
        diffusers.StableDiffusionPipeline, work, torch_dtype=dtype, safety_checker=None, requires_safety_checker=False
    )
    if dtype != torch.float32:
        pipe.unet.to(memory_format=torch.channels_last)
        pipe.vae.to(memory_format=torch.channels_last)
    return pipe


def _time(module: torch.nn.Module, name: str, clock: Clock) -> None:
    begun: list[float] = []

    def begin(*_: object) -> None:
        _wait()
        begun.append(perf_counter())

    def end(*_: object) -> None:
        _wait()
        clock.note(name, begun.pop())

    module.register_forward_pre_hook(begin)
    module.register_forward_hook(end)


def _wait() -> None:
    """Wait until a GPU has finished; otherwise a call only seems to be quick."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def open_peer(work: Work, clock: Clock) -> TorchPeer:
    """The peer that the command line names."""
    peer = TorchPeer(work, clock)
    if sys.argv[1] == "torch-compile":
        peer.compile()
    if sys.argv[1] == "deepcache":
        peer.reuse(int(next(filter(str.isdigit, work.options), "3")))
    return peer


if __name__ == "__main__":
    serve(open_peer)
