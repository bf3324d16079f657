"""``python -m accel_training``: trains the built-in model, one stage or all."""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from accel_bench.cli.console import progress_bar
from accel_runtime.errors import AccelError
from accel_training.stages import STAGES, Workshop


class Stage(StrEnum):
    """The keys of `STAGES`, for the command line."""

    AUTOENCODER = "autoencoder"
    DIFFUSION = "diffusion"
    SCORER = "scorer"
    SHIP = "ship"
    GALLERY = "gallery"


app = typer.Typer(add_completion=False)
AnyWorkshop = TypeVar("AnyWorkshop")


@app.command()
def train(
    stage: Annotated[Stage | None, typer.Argument(help="One stage; by default all, in order.")] = None,
    folder: Annotated[Path, typer.Option(help="Keeps data, checkpoints and results.")] = Path("build/training"),
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train the built-in model from package registries. An interrupted run continues where it stopped."""
    workshop = Workshop(folder, device)
    run_stages(STAGES, workshop, only=stage)


def run_stages(
    stages: Mapping[str, Callable[[AnyWorkshop], Iterator[tuple[int, float]]]],
    workshop: AnyWorkshop,
    *,
    only: str | None,
) -> None:
    """Run all stages in order, or one, with a progress bar; an error of ours becomes one line and exit code 1."""
    try:
        with progress_bar() as progress:
            for name in stages if only is None else (only,):
                task = progress.add_task(name, total=None)
                for step, loss in stages[name](workshop):
                    progress.update(task, description=f"{name}, loss {loss:.4f}", completed=step + 1)
    except AccelError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
