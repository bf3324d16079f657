"""emoji-clip: how well a picture fits a caption, learned contrastively on the built-in model's own data.

Two small towers and the symmetric InfoNCE loss of CLIP (arXiv:2103.00020). It knows emoji on plain backgrounds and
nothing else, which is why it is never called CLIP.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer

from accel_exporter.passes import clean
from accel_training.captions import COLOUR_NAMES, full_caption
from accel_training.compose import Pool
from accel_training.loop import Draws, Recipe, train
from accel_training.pictures import Picture
from accel_training.tokenizer import LENGTH, VOCABULARY

_WIDTHS: Final = (24, 48, 72, 96, 128)
_DIMENSIONS: Final = 128
_GROUPS: Final = 8


class EmojiClip(nn.Module):
    """Both towers.

    Inputs: ``pixels`` uint8 [B, 64, 64, 3] and ``token_ids`` int64 [P, 24].
    Outputs: unit vectors, ``image_embedding`` [B, 128] and ``text_embedding`` [P, 128].
    """

    def __init__(self) -> None:
        super().__init__()
        self.image = _image_tower()
        self.text = CLIPTextModelWithProjection(_text_config())
        self.log_scale = nn.Parameter(torch.tensor(2.65))  # CLIP's first temperature, 1/0.07

    def forward(self, pixels: Tensor, token_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return the embeddings of pictures and of captions."""
        image = self.image(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1.0)
        text = self.text(token_ids).text_embeds
        return functional.normalize(image, dim=-1), functional.normalize(text, dim=-1)


class _Residual(nn.Module):
    """Two convolutions beside a skip connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.GroupNorm(_GROUPS, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(_GROUPS, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` with what the layers add."""
        added: Tensor = self.layers(x)
        return x + added


def _image_tower() -> nn.Sequential:
    stages: list[nn.Module] = [nn.Conv2d(3, _WIDTHS[0], 4, stride=2, padding=1)]
    for narrow, wide in pairwise(_WIDTHS):
        stages += [nn.Conv2d(narrow, wide, 3, stride=2, padding=1), _Residual(wide)]
    head = [nn.GroupNorm(_GROUPS, _WIDTHS[-1]), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*stages, *head, nn.Linear(_WIDTHS[-1], _DIMENSIONS))


def _text_config() -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=VOCABULARY,
        hidden_size=96,
        intermediate_size=192,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=LENGTH,
        projection_dim=_DIMENSIONS,
        bos_token_id=VOCABULARY - 2,
        eos_token_id=VOCABULARY - 1,
        pad_token_id=VOCABULARY - 1,
    )


def train_scorer(
    model: EmojiClip,
    pool: Pool,
    pictures: tuple[Picture, ...],
    tokenizer: CLIPTokenizer,
    recipe: Recipe,
    *,
    folder: Path,
    device: str,
) -> Iterator[tuple[int, float]]:
    """Train ``model`` in place, yielding step and loss."""
    captions = pool_captions(pool, pictures)

    def loss(_: int, draws: Draws) -> Tensor:
        chosen = _distinct_pairs(pool, recipe.batch, rng=draws.numpy)
        pixels = _weathered(torch.from_numpy(pool.images[chosen]), draws).to(device)
        tokens = tokenizer([captions[i] for i in chosen], padding="max_length", return_tensors="pt")
        image, text = model(pixels, tokens.input_ids.to(device))
        logits = model.log_scale.clamp(max=4.6).exp() * image @ text.T  # [B, B]
        target = torch.arange(len(logits), device=logits.device)
        return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2

    yield from train(model.train().to(device), loss, recipe, folder=folder)


def pool_captions(pool: Pool, pictures: tuple[Picture, ...]) -> list[str]:
    """Return the full caption of every picture of ``pool``."""
    pairs = zip(pool.picture, pool.colour, strict=True)
    return [full_caption(pictures[i].label, COLOUR_NAMES[c]) for i, c in pairs]


def _distinct_pairs(pool: Pool, count: int, *, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return indices of pictures with different captions, so that each is a wrong answer for the others."""
    shuffled = rng.permutation(len(pool.images))[: 2 * count]
    _, first = np.unique(pool.picture[shuffled] * len(COLOUR_NAMES) + pool.colour[shuffled], return_index=True)
    indices: NDArray[np.int64] = shuffled[np.sort(first)[:count]]
    return indices


def _weathered(images: Tensor, draws: Draws) -> Tensor:
    """Blur and disturb half of the pictures, so that a soft picture of the right object still scores well."""
    clean = images.permute(0, 3, 1, 2).float()  # [B, 3, 64, 64]
    small = functional.interpolate(clean, scale_factor=0.5, mode="bilinear", antialias=True)
    soft = functional.interpolate(small, size=clean.shape[2:], mode="bilinear")
    soft = soft + 6.0 * torch.randn(soft.shape, generator=draws.torch)
    pick = torch.rand(len(clean), 1, 1, 1, generator=draws.torch) < 0.5
    return torch.where(pick, soft, clean).round().clamp(0, 255).byte().permute(0, 2, 3, 1)


def export_scorer(model: EmojiClip, file: Path) -> None:
    """Write both towers as one ONNX graph with their weights inside."""
    pixels = torch.zeros(2, 64, 64, 3, dtype=torch.uint8)
    token_ids = torch.full((3, LENGTH), VOCABULARY - 1)
    program = torch.onnx.export(
        model.eval().cpu(),
        (pixels, token_ids),
        input_names=["pixels", "token_ids"],
        output_names=["image_embedding", "text_embedding"],
        dynamic_shapes={"pixels": {0: torch.export.Dim("images")}, "token_ids": {0: torch.export.Dim("captions")}},
        opset_version=18,
        dynamo=True,
        verbose=False,
    )
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program")
    clean(program.model)
    program.save(file, external_data=False)
