"""One training loop for all models: seeded, resumable, averaged.

Every random draw of step n comes from generators seeded with (seed, n), so that a run that was interrupted
and resumed is the run that was not.
"""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from diffusers.training_utils import EMAModel
from torch import Tensor, nn

from accel_runtime.durable import write_bytes, write_file

_SAVE_EVERY: Final = 250
_WARM_UP: Final = 100


@dataclass(frozen=True, slots=True)
class Recipe:
    """The settings of a training run.

    Attributes:
        steps: Optimiser steps.
        batch: Samples per step.
        rate: Highest learning rate, after a linear warm-up and before a cosine to zero.
        decay: Decay of the exponential moving average of the weights.
        seed: Seed of everything random.
    """

    steps: int
    batch: int
    rate: float
    decay: float = 0.999
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Draws:
    """The randomness of one step.

    Attributes:
        numpy: Chooses samples and captions.
        torch: Makes noise, on the CPU, so that it is the same for every device.
    """

    numpy: np.random.Generator
    torch: torch.Generator


LossFunction = Callable[[int, Draws], Tensor]


def train(model: nn.Module, loss: LossFunction, recipe: Recipe, *, folder: Path) -> Iterator[tuple[int, float]]:
    """Train ``model`` in place, yielding step and loss. After the last step it holds the averaged weights.

    Args:
        model: The model that ``loss`` depends on.
        loss: Computes the loss from the step's number and randomness.
        recipe: Steps, batch and learning rate.
        folder: Folder for ``checkpoint.pt``, from which a later call continues, and ``curve.jsonl``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # A third less time in convolutions on CPUs; torch types `to` without it.
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    parameters = [each for each in model.parameters() if each.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=recipe.rate, weight_decay=0.01, fused=True)
    average = EMAModel(parameters, decay=recipe.decay)
    first = _resume(model, optimiser, average, folder=folder)
    for step in range(first, recipe.steps):
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * _rate_factor(step, recipe.steps)
        value = loss(step, _draws(recipe.seed, step))
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        average.step(parameters)
        _log(folder, step, loss=value.item())
        if (step + 1) % _SAVE_EVERY == 0 or step + 1 == recipe.steps:
            _save(model, optimiser, average, step=step + 1, folder=folder)
        yield step, value.item()
    average.copy_to(parameters)


def _rate_factor(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / _WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _draws(seed: int, step: int) -> Draws:
    return Draws(np.random.default_rng([seed, step]), torch.Generator().manual_seed(seed * 10_000_019 + step))


def _log(folder: Path, step: int, *, loss: float) -> None:
    with (folder / "curve.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": step, "loss": round(loss, 6)}) + "\n")


def _save(model: nn.Module, optimiser: torch.optim.Optimizer, average: EMAModel, *, step: int, folder: Path) -> None:
    state = {
        "step": step,
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "average": average.state_dict(),
    }
    write_file(folder / "checkpoint.pt", lambda file: torch.save(state, file))


def _resume(model: nn.Module, optimiser: torch.optim.Optimizer, average: EMAModel, *, folder: Path) -> int:
    file = folder / "checkpoint.pt"
    if not file.exists():
        return 0
    state = torch.load(file, weights_only=True)
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    average.load_state_dict(state["average"])
    _cut_curve(folder, steps=state["step"])
    return int(state["step"])


def _cut_curve(folder: Path, *, steps: int) -> None:
    """Remove the steps after the checkpoint, which are repeated."""
    file = folder / "curve.jsonl"
    lines = file.read_text("utf-8").splitlines(keepends=True)
    write_bytes(file, "".join(lines[:steps]).encode())
