"""Whether peers stay in memory between rounds: several models side by side may not fit."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

# What a model is taken to need while it draws, in bytes of its files: a guess on the safe side.
_PER_FILE_BYTE: Final = 1.6
_SHARE: Final = 0.9


class Residence(StrEnum):
    """What becomes of a peer's process between two drawings.

    Attributes:
        STAY: It stays, idle.
        RESTART: It ends, and is started, loaded and warmed again before the next one; none of that is timed.
    """

    STAY = "stay"
    RESTART = "restart"


def choose_residence(models: Sequence[Path], *, bundle: Path) -> Residence:
    """Stay where all models and the bundle fit into what is free now."""
    available = available_bytes()
    needed = _PER_FILE_BYTE * sum(map(folder_bytes, (*models, bundle)))
    return Residence.STAY if available is None or needed <= _SHARE * available else Residence.RESTART


def available_bytes() -> int | None:
    """Memory that can be had without swapping; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    (line,) = (line for line in lines if line.startswith("MemAvailable:"))
    return int(line.split()[1]) * 1024


def folder_bytes(folder: Path) -> int:
    """All files in it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
