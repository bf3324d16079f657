"""The scorers of pictures, for the commands that judge quality."""

from pathlib import Path
from typing import TYPE_CHECKING

from accel_bench.base.extras import extra
from accel_bench.quality.captions import Yardstick

if TYPE_CHECKING:
    from accel_bench.quality.scorers import Scorers


def open_scorers(data: Path | None = None, *, of: Yardstick = Yardstick.EMOJI, clip: Path | None = None) -> "Scorers":
    """Load what scores pictures. It brings torch, so it is imported here and not when a command starts.

    Args:
        data: Folder of other captions and another emoji-clip.
        of: The yardstick of the model.
        clip: Folder of a CLIP checkpoint.

    Raises:
        MissingExtraError: The `quality` extra is not installed.
        InputError: A file is missing or malformed.
    """
    with extra("quality"):
        from accel_bench.quality.scorers import Scorers  # noqa: PLC0415  # see above
    return Scorers.open(data, of=of, clip=clip)
