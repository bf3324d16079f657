"""CLIP score: how well a picture fits a caption, by a CLIP checkpoint that the caller has on disk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import CLIPModel, CLIPProcessor

from accel_bench.quality.clip_folder import checkpoint_versions, load_clip
from accel_runtime.errors import InputError

_BATCH: Final = 16  # bounds memory; the result does not depend on it


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """The scorer, in float32 on the CPU whatever the pictures were made on.

    Attributes:
        model: Both towers.
        processor: Scales and crops pictures with Pillow, and splits captions into tokens.
        versions: Of transformers, and the SHA-256 of each file of weights.
    """

    model: CLIPModel
    processor: CLIPProcessor
    versions: dict[str, str]

    @classmethod
    def open(cls, folder: Path) -> "Clip":
        """Load the checkpoint in ``folder``, as transformers saves it; nothing is downloaded.

        Raises:
            InputError: It is missing, incomplete or no CLIP model.
        """
        model, processor = load_clip(folder)
        return cls(model, processor, checkpoint_versions(folder))

    def scores(self, images: NDArray[np.uint8], captions: Sequence[str]) -> NDArray[np.float32]:
        """Return 100 × the cosine between each picture and its own caption. Shape: [N].

        The mean of these is torchmetrics' `CLIPScore`, which only sets a negative mean to 0. Hessel et al.
        (arXiv:2104.08718) call something else CLIPScore: 2.5 · max(cosine, 0), of captions that a prefix begins.
        Captions that are too long for the text tower lose their end, but keep the end token, which torchmetrics cuts.

        Args:
            images: Shape: [N, H, W, 3].
            captions: N of them.
        """
        if len(images) != len(captions) or not captions:
            raise InputError(f"CLIP: expected one caption per image, got {len(captions)} for {len(images)}")
        return np.concatenate(list(self._score_batches(images, captions)))

    @torch.inference_mode()
    def _score_batches(self, images: NDArray[np.uint8], captions: Sequence[str]) -> Iterator[NDArray[np.float32]]:
        text: Any = self.model.config.text_config
        for start in range(0, len(images), _BATCH):
            part = slice(start, start + _BATCH)
            inputs = self.processor(
                images=list(images[part]),
                text=list(captions[part]),
                padding=True,
                truncation=True,
                max_length=text.max_position_embeddings,
                return_tensors="pt",
            )
            found = self.model(**inputs)  # both of unit length
            yield (100 * (found.image_embeds * found.text_embeds).sum(dim=-1)).numpy()
