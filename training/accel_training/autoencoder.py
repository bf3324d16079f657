"""The autoencoder: 64x64 pixels to 16x16x4 latents and back (arXiv:2112.10752, section 3.1).

L1 in pixels, a small KL term, and once the colours are right a feature distance, without an adversarial loss.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor, nn

from accel_bench.quality.reference import Lite0Features, to_tensor
from accel_training.loop import Draws, Recipe, train

_KL_WEIGHT: Final = 1e-6
_CROP: Final = 32  # pixels; half a picture trains four times as fast, and the network is convolutional


@dataclass(frozen=True, slots=True)
class Round:
    """One round of training, with its own learning rate cycle.

    Attributes:
        recipe: Steps, batch and learning rate.
        features_from: First step whose loss includes the feature distance.
        feature_weight: Weight of the feature distance next to L1.
    """

    recipe: Recipe
    features_from: int
    feature_weight: float


def train_autoencoder(
    model: AutoencoderKL, images: NDArray[np.uint8], round_: Round, *, folder: Path, device: str
) -> Iterator[tuple[int, float]]:
    """Train ``model`` in place on random crops of pictures [N, 64, 64, 3], yielding step and loss."""
    lite0 = Lite0Features().to(device)

    def loss(step: int, draws: Draws) -> Tensor:
        pixels = _crops(images, round_.recipe.batch, rng=draws.numpy).to(device)  # [B, 3, 32, 32]
        decoded, kl = _decode_sample(model, pixels, draws)
        value = (decoded - pixels).abs().mean() + _KL_WEIGHT * kl
        if step < round_.features_from:
            return value
        return value + round_.feature_weight * _feature_loss(lite0, decoded, pixels)

    yield from train(model.train().to(device), loss, round_.recipe, folder=folder)


def _decode_sample(model: AutoencoderKL, pixels: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """Return a decoded sample of the posterior, [B, 3, 32, 32], and the posterior's KL divergence, []."""
    posterior = model.encode(pixels).latent_dist
    noise = torch.randn(posterior.mean.shape, generator=draws.torch).to(pixels.device)
    return model.decode(posterior.mean + posterior.std * noise).sample, posterior.kl().mean()


def _feature_loss(lite0: nn.Module, decoded: Tensor, pixels: Tensor) -> Tensor:
    """Return the squared distance of unit-length features, as in LPIPS (arXiv:1801.03924) with unit weights."""
    with torch.no_grad():
        targets = lite0(pixels)
    pairs = zip(lite0(decoded), targets, strict=True)
    return torch.stack([(a - b).square().sum(1).mean() for a, b in pairs]).sum()


def _crops(images: NDArray[np.uint8], count: int, *, rng: np.random.Generator) -> Tensor:
    """Return random square crops in [-1, 1]. Shape: [count, 3, 32, 32]."""
    side = images.shape[1]
    chosen = rng.integers(len(images), size=count)
    corners = rng.integers(side - _CROP, size=(count, 2), endpoint=True)
    crops = [images[i, y : y + _CROP, x : x + _CROP] for i, (y, x) in zip(chosen, corners, strict=True)]
    return to_tensor(np.stack(crops))


def spread(mean: Tensor, std: Tensor) -> float:
    """Return the standard deviation of latents drawn from the posteriors."""
    return float((mean.var() + std.square().mean()).sqrt())


@torch.no_grad()
def encode_pictures(
    model: AutoencoderKL, images: NDArray[np.uint8], *, device: str, batch: int = 64
) -> tuple[Tensor, Tensor]:
    """Return the mean and the standard deviation of every picture's latents. Shapes: [N, 4, 16, 16]."""
    parts: list[tuple[Any, Any]] = []
    for start in range(0, len(images), batch):
        posterior = model.encode(to_tensor(images[start : start + batch]).to(device)).latent_dist
        parts.append((posterior.mean.cpu(), posterior.std.cpu()))
    return torch.cat([mean for mean, _ in parts]), torch.cat([std for _, std in parts])
