"""Where the captions and the scorer of the built-in model lie."""

from pathlib import Path
from typing import Final

from accel_runtime.errors import InputError

DATA: Final = Path(__file__).parent / "data"
CAPTIONS: Final = "captions.json"
EMOJI_CLIP: Final = "emoji_clip.onnx"
TOKENIZER: Final = "tokenizer.json"


def data_file(name: str, folder: Path | None = None) -> Path:
    """Return the path of one of the files above.

    Args:
        name: The file.
        folder: Where to look; by default, beside this module.

    Raises:
        InputError: It is not there.
    """
    path = (folder or DATA) / name
    if not path.is_file():
        raise InputError(f"{path}: missing: evaluation needs {CAPTIONS}, {EMOJI_CLIP} and {TOKENIZER} in that folder")
    return path
