"""The text encoder, trained to state what captions say before a UNet reads it, as CLIP's is before Stable Diffusion's.

Trained by the UNet's loss alone, it hardly tells where the light is or how two groups lie: those words change few
pixels.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import CLIPTokenizer

from accel_bench.quality.scenes.scene import (
    MOST_IN_A_GROUP,
    Colour,
    Ground,
    Light,
    Relation,
    Scene,
    Shape,
    Size,
    Texture,
)
from accel_exporter.sources.source import TextEncoder
from accel_training.diffusion import token_ids
from accel_training.loop import Draws, Recipe, train
from accel_training.scenes.captions import Kind, draw_kind, states, write_caption
from accel_training.scenes.sample import sample_scene

_UNSTATED: Final = -100  # an answer that `cross_entropy` leaves out
_OF_A_GROUP: Final[Mapping[str, type[StrEnum]]] = {"size": Size, "colour": Colour, "texture": Texture, "shape": Shape}
_OF_A_SCENE: Final[Mapping[str, type[StrEnum]]] = {"relation": Relation, "ground": Ground, "light": Light}
_SIDES: Final = (Relation.LEFT, Relation.RIGHT, Relation.ABOVE, Relation.BELOW)
_OPPOSITE: Final = {_SIDES[0]: _SIDES[1], _SIDES[1]: _SIDES[0], _SIDES[2]: _SIDES[3], _SIDES[3]: _SIDES[2]}
_CHOICES: Final = (
    *(MOST_IN_A_GROUP, *map(len, _OF_A_GROUP.values())) * 2,
    *map(len, _OF_A_SCENE.values()),
    *[len(Colour) + 1] * len(_SIDES),
)


class StatedFacts(nn.Module):
    """A text encoder with a linear layer that answers what a caption says."""

    def __init__(self, text_encoder: TextEncoder) -> None:
        super().__init__()
        self.text_encoder = text_encoder
        self.answers = nn.Linear(text_encoder.config.hidden_size, sum(_CHOICES))

    def forward(self, token_ids: Tensor) -> tuple[Tensor, ...]:
        """Return the logits of every question. Shapes: [B, T] to one [N, choices] each.

        Each token from the caption's end on answers, for all of them see the whole caption; N is the number of them.
        """
        states = self.text_encoder(token_ids).last_hidden_state  # [B, T, D]
        logits: tuple[Tensor, ...] = self.answers(states[_sees_all(token_ids)]).split(_CHOICES, dim=-1)
        return logits


def answers(scene: Scene, kind: Kind) -> list[int]:
    """Return the number of each question's right answer, or `_UNSTATED` where a caption of this kind is silent.

    The questions are the attributes of the first group, those of the second, those of the scene, and the colour on
    each side of the picture, 0 for none: a UNet works by place, and would have to work that out from the relation.
    """
    right: list[tuple[str, int]] = []
    for group in scene.groups:
        right.append(("count", group.count - 1))
        right += [(name, list(words).index(getattr(group, name))) for name, words in _OF_A_GROUP.items()]
    right += [(name, list(words).index(getattr(scene, name))) for name, words in _OF_A_SCENE.items()]
    right += [("relation", number) for number in _colours_by_side(scene)]
    return [number if states(kind, name) else _UNSTATED for name, number in right]


def train_text(
    text_encoder: TextEncoder, tokenizer: CLIPTokenizer, recipe: Recipe, *, folder: Path, device: str
) -> Iterator[tuple[int, float]]:
    """Train ``text_encoder`` in place, yielding step and loss: cross-entropy, averaged over what captions state."""
    model = StatedFacts(text_encoder).train().to(device)

    def loss(_: int, draws: Draws) -> Tensor:
        ids, right = _captions(tokenizer, recipe.batch, rng=draws.numpy)
        logits = model(ids.to(device))
        wanted_by_all = right.repeat_interleave(_sees_all(ids).sum(dim=1), dim=0).to(device)  # [N, questions]
        value: Tensor = torch.stack(
            [cross_entropy(given, wanted) for given, wanted in zip(logits, wanted_by_all.T, strict=True)]
        ).mean()
        return value

    yield from train(model, loss, recipe, folder=folder)


def _sees_all(token_ids: Tensor) -> Tensor:
    """Whether a token is the caption's end or one of the padding, which is the same token. Shape: [B, T]."""
    return token_ids == token_ids[:, -1:]


def _colours_by_side(scene: Scene) -> list[int]:
    colours = {scene.relation: scene.first.colour, _OPPOSITE[scene.relation]: scene.second.colour}
    return [1 + list(Colour).index(colours[side]) if side in colours else 0 for side in _SIDES]


def _captions(tokenizer: CLIPTokenizer, count: int, *, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Draw captions of new scenes. Shapes: ids [B, T] and right answers [B, questions]."""
    drawn = [(sample_scene(rng), draw_kind(rng=rng)) for _ in range(count)]
    ids = token_ids(tokenizer, [write_caption(scene, kind) for scene, kind in drawn])
    return ids, torch.tensor([answers(scene, kind) for scene, kind in drawn])
