"""``python -m accel_training.scenes``: trains the model of scenes, one stage or all."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from accel_training.cli import run_stages
from accel_training.scenes.stages import SCENE_STAGES, SceneWorkshop


class Stage(StrEnum):
    """The keys of `SCENE_STAGES`, for the command line."""

    PICTURES = "pictures"
    AUTOENCODER = "autoencoder"
    FIRST = "diffusion-1"
    TEXT = "text"
    SECOND = "diffusion-2"
    SHIP = "ship"
    GALLERY = "gallery"


def train(
    stage: Annotated[Stage | None, typer.Argument(help="One stage; by default all, in order.")] = None,
    folder: Annotated[Path, typer.Option(help="Keeps pictures, checkpoints and results.")] = Path("build/scenes"),
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train the model of scenes. Interrupted, it goes on where it was."""
    run_stages(SCENE_STAGES, SceneWorkshop(folder, device), only=stage)


if __name__ == "__main__":
    typer.run(train)
