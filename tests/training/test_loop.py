import json
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from accel_training import loop
from accel_training.loop import Draws, Recipe, train

RECIPE = Recipe(steps=40, batch=4, rate=0.3, decay=0.9, seed=3)


def fit(model: nn.Linear, folder: Path, *, stop_after: int | None = None) -> Tensor:
    def loss(_: int, draws: Draws) -> Tensor:
        x = torch.randn(RECIPE.batch, 3, generator=draws.torch) + float(draws.numpy.normal())
        error: Tensor = model(x) - x.sum(1, keepdim=True)
        return error.square().mean()

    for _ in islice(train(model, loss, RECIPE, folder=folder), stop_after):
        pass
    return model.weight.detach().clone()


def line(seed: int = 0) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(3, 1)


def test_a_run_that_was_interrupted_and_resumed_is_the_run_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_SAVE_EVERY", 10)
    whole = fit(line(), tmp_path / "whole")
    fit(line(), tmp_path / "parts", stop_after=27)
    resumed = fit(line(seed=9), tmp_path / "parts")
    assert torch.equal(whole, resumed)
    curves = [(tmp_path / name / "curve.jsonl").read_text() for name in ("whole", "parts")]
    assert curves[0] == curves[1]


def test_training_lowers_the_loss_and_writes_its_curve(tmp_path: Path) -> None:
    fit(line(), tmp_path)
    curve = [json.loads(text)["loss"] for text in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert len(curve) == RECIPE.steps
    assert sum(curve[-10:]) < 0.5 * sum(curve[:10])


def test_the_result_is_the_average_of_the_weights_and_not_the_last_ones(tmp_path: Path) -> None:
    averaged = fit(line(), tmp_path)
    last = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["model"]["weight"]
    assert not torch.equal(averaged, last)


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    once = fit(line(), tmp_path)
    assert torch.equal(fit(line(seed=4), tmp_path), once)
