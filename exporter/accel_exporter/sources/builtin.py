"""The trained pipeline that the package brings: a small model of Stable Diffusion 1.5's block topology.

``docs/model-card.md`` says what it was trained on and what it can do; ``training/`` trains it again.
"""

from typing import Final

from accel_exporter.sources.local import FolderSource, open_folder
from accel_exporter.sources.random_weights import ARCHITECTURES
from accel_exporter.sources.source import Origin

_VARIANT: Final = "fp16"  # half the size, and training moves weights by more than the rounding


def open_builtin(architecture: str) -> FolderSource:
    """Return the shipped weights of ``architecture``; none are read yet.

    Raises:
        SourceError: The installation lacks the files.
    """
    origin = Origin(architecture, revision=None, weights="trained", seed=None)
    return open_folder(ARCHITECTURES / architecture, variant=_VARIANT, origin=origin)
