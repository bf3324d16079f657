"""The UNet and its text encoder, trained together on the autoencoder's latents (arXiv:2112.10752).

Noise prediction on Stable Diffusion 1.5's schedule. Each timestep's loss has a weight, which converges several times
faster at this size: `min_snr` for detail, `debiased` for what is where.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from diffusers.training_utils import compute_snr
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import CLIPTokenizer

from accel_exporter.sources.source import TextEncoder
from accel_runtime.durable import write_file
from accel_training.autoencoder import encode_pictures
from accel_training.captions import COLOUR_NAMES, draw_caption
from accel_training.compose import Pool
from accel_training.loop import Draws, Recipe, train
from accel_training.pictures import Picture

_MAX_SNR: Final = 5.0
_MAX_DEBIASED_SNR: Final = 1000.0

Weighting = Callable[[Tensor], Tensor]


def min_snr(snr: Tensor) -> Tensor:
    """Return min(SNR, 5)/SNR (Min-SNR, arXiv:2303.09556)."""
    return snr.clamp(max=_MAX_SNR) / snr


def debiased(snr: Tensor) -> Tensor:
    """Return 1/√SNR (arXiv:2310.08442): more weight to the noisiest timesteps, where a picture's layout is decided."""
    return snr.clamp(max=_MAX_DEBIASED_SNR).rsqrt()


@dataclass(frozen=True, slots=True, eq=False)
class Latents:
    """The latents of a pool, scaled to unit variance.

    Attributes:
        mean: Mean of the posterior. Shape: [N, 4, 16, 16].
        std: Standard deviation of the posterior. Shape: [N, 4, 16, 16].
    """

    mean: Tensor
    std: Tensor

    def sample(self, chosen: NDArray[np.int64], draws: Draws) -> Tensor:
        """Return a draw from the posteriors of the chosen pictures. Shape: [B, 4, 16, 16]."""
        mean, std = self.mean[chosen], self.std[chosen]
        return mean + std * torch.randn(mean.shape, generator=draws.torch)


def kept_latents(file: Path, images: NDArray[np.uint8], *, vae: Path, device: str) -> Latents:
    """Encode pictures [N, 64, 64, 3] once, with the autoencoder in the folder ``vae``.

    The latents are kept in ``file``, because encoding takes minutes.
    """
    if not file.exists():
        model = AutoencoderKL.from_pretrained(vae).to(device)
        mean, std = encode_pictures(model, images, device=device)
        scale = model.config.scaling_factor
        file.parent.mkdir(parents=True, exist_ok=True)
        write_file(file, partial(torch.save, {"mean": mean * scale, "std": std * scale}))
    saved = torch.load(file, weights_only=True)
    return Latents(saved["mean"], saved["std"])


def token_ids(tokenizer: CLIPTokenizer, captions: Sequence[str]) -> Tensor:
    """Return the ids of captions, padded to the text encoder's length. Shape: [B, 24]."""
    ids: Tensor = tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt").input_ids
    return ids


class TextToNoise(nn.Module):
    """The two trained parts as one module, for the optimiser and the checkpoint."""

    def __init__(self, unet: UNet2DConditionModel, text_encoder: TextEncoder) -> None:
        super().__init__()
        self.unet = unet
        self.text_encoder = text_encoder

    def forward(self, noisy: Tensor, timesteps: Tensor, token_ids: Tensor) -> Tensor:
        """Return the predicted noise. Shapes: [B, 4, 16, 16], [B], [B, 24] to [B, 4, 16, 16]."""
        states = self.text_encoder(token_ids).last_hidden_state  # [B, 24, 128]
        noise: Tensor = self.unet(noisy, timesteps, states).sample
        return noise


class TrainingSet(Protocol):
    """Where training takes its samples from."""

    def draw(self, count: int, draws: Draws) -> tuple[Tensor, Tensor]:
        """Return ``count`` samples: latents [B, 4, 16, 16] and token ids [B, 24]."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class CaptionedLatents:
    """A `TrainingSet` of objects on plain backgrounds: latents, and what is needed to caption them.

    Attributes:
        latents: Latents of the pool's pictures.
        pool: Pictures, with the object and the colour of each.
        pictures: The objects.
        tokenizer: Converts captions to ids.
    """

    latents: Latents
    pool: Pool
    pictures: tuple[Picture, ...]
    tokenizer: CLIPTokenizer

    def draw(self, count: int, draws: Draws) -> tuple[Tensor, Tensor]:
        """Return ``count`` samples: latents [B, 4, 16, 16] and token ids [B, 24]."""
        rng = draws.numpy
        chosen = rng.integers(len(self.pool.picture), size=count)
        captions = [
            draw_caption(self.pictures[self.pool.picture[i]], COLOUR_NAMES[self.pool.colour[i]], rng=rng)
            for i in chosen
        ]
        return self.latents.sample(chosen, draws), token_ids(self.tokenizer, captions)


def train_diffusion(
    model: TextToNoise,
    data: TrainingSet,
    recipe: Recipe,
    *,
    schedule: DDPMScheduler,
    folder: Path,
    device: str,
    weighting: Weighting = min_snr,
) -> Iterator[tuple[int, float]]:
    """Train ``model`` in place, yielding step and loss.

    Args:
        model: UNet and text encoder.
        data: Captioned latents.
        recipe: Steps, batch and learning rate.
        schedule: The noise schedule, predicting noise.
        folder: Folder for the checkpoint and the curve.
        device: Device to train on.
        weighting: Weights of the timesteps' losses, from their signal-to-noise ratios [B].
    """

    def loss(_: int, draws: Draws) -> Tensor:
        clean, token_ids = data.draw(recipe.batch, draws)
        noise = torch.randn(clean.shape, generator=draws.torch)
        timesteps = torch.randint(schedule.config.num_train_timesteps, (len(clean),), generator=draws.torch)
        noisy = schedule.add_noise(clean, noise, timesteps)
        weights = weighting(compute_snr(schedule, timesteps))  # [B]
        predicted = model(noisy.to(device), timesteps.to(device), token_ids.to(device))
        errors = (predicted - noise.to(device)).square().mean(dim=(1, 2, 3))  # [B]
        value: Tensor = (weights.to(device) * errors).mean()
        return value

    yield from train(model.train().to(device), loss, recipe, folder=folder)
