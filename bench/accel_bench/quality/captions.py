"""The captions that pictures are evaluated on, and the files of captions and scorers."""

from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np

from accel_bench.records.captions import Caption
from accel_runtime.base.reading import decode_json, read_document
from accel_runtime.errors import InputError

DATA: Final = Path(__file__).parent / "data"
CAPTIONS: Final = "captions.json"
EMOJI_CLIP: Final = "emoji_clip.onnx"
TOKENIZER: Final = "tokenizer.json"


class Yardstick(StrEnum):
    """What a model is judged by: held-out captions, and what tells whether a picture shows them.

    `EMOJI` are objects on plain grounds and a network, emoji-clip. `SCENES` are several objects each, which a program
    reads back.
    """

    EMOJI = "emoji"
    SCENES = "scenes"

    @property
    def folder(self) -> Path:
        """The folder of its files in the package."""
        return DATA if self is Yardstick.EMOJI else DATA / self.value


def yardstick_of(source: str) -> Yardstick:
    """The yardstick of a model, by the name that it was exported by: emoji for all but the model of scenes."""
    return Yardstick.SCENES if source == Yardstick.SCENES.value else Yardstick.EMOJI


def evaluation_captions(
    count: int | None, seed: int, *, of: Yardstick = Yardstick.EMOJI, folder: Path | None = None
) -> tuple[Caption, ...]:
    """Return ``count`` held-out captions; the same seed gives the same ones.

    A larger count begins with the captions of a smaller one, so a search can add prompts to those that it has run.

    Args:
        count: Number of captions; None for all.
        seed: Chooses the captions and their order.
        of: Whose captions.
        folder: Folder with other captions in `captions.json`.

    Raises:
        InputError: The file is missing or malformed, or holds fewer captions.
    """
    path = data_file(CAPTIONS, folder or of.folder)
    held_out = [caption for caption in read_captions(path) if caption.held_out]
    if count is not None and not 1 <= count <= len(held_out):
        raise InputError(f"prompts: expected 1 to {len(held_out)}, the held-out captions of {path}, got {count}")
    if seed < 0:
        raise InputError(f"seed: expected 0 or more, got {seed}")
    order = np.random.default_rng(seed).permutation(len(held_out))
    return tuple(held_out[index] for index in order[:count])


def read_captions(path: Path) -> tuple[Caption, ...]:
    """Parse a file of captions.

    Raises:
        InputError: The file cannot be read or is malformed; the message names the file and the key.
    """
    return decode_json(read_document(path, error=InputError), tuple[Caption, ...], path=path, error=InputError)


def data_file(name: str, folder: Path | None = None) -> Path:
    """Return the path of a data file.

    Args:
        name: `CAPTIONS`, `EMOJI_CLIP` or `TOKENIZER`.
        folder: Folder to look in; by default, `data` beside this module.

    Raises:
        InputError: The file does not exist.
    """
    path = (folder or DATA) / name
    if not path.is_file():
        raise InputError(f"{path}: missing: evaluation needs {CAPTIONS}, {EMOJI_CLIP} and {TOKENIZER} in that folder")
    return path
