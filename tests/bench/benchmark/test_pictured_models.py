"""Models that take no prompt, or pictures beside it: what times them draws grey pictures, what judges refuses them."""

from pathlib import Path

import pytest
from tests.bundles import family_bundle
from tests.command import accel, assert_refused

from accel_bench.records.store import read_bench

STEPS = ("--steps", "4", "--scheduler", "ddim")


@pytest.mark.parametrize(("family", "graph"), [("inpaint", "vae_encoder"), ("control", "controlnet_1")])
def test_a_model_that_takes_pictures_is_timed(tmp_path: Path, family: str, graph: str) -> None:
    run = ("--steps", "2", "--scheduler", "ddim", "--rounds", "1", "--plan", "every:2", "-o", "record.json")

    done = accel("bench", "run", family_bundle(family), *run, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    record = read_bench(tmp_path / "record.json")
    assert {graph in [span.name for span in run.images[0].spans] for run in record.plans} == {True}


SOLVED = {"inpaint": None, "control": None, "classes": ("--class-label", "3"), "ldm": ()}


@pytest.mark.parametrize("family", SOLVED)
def test_a_plan_is_solved_for_it_and_draws(tmp_path: Path, family: str) -> None:
    options = ("--calls", "2", "--batch", "2", "--calibration", "2", "--moves", "0", "-o", "plan.json")

    done = accel("plans", "solve", family_bundle(family), *STEPS, *options, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    drawing = SOLVED[family]
    if drawing is not None:
        made = accel("generate", family_bundle(family), *drawing, "--plan", "plan.json", cwd=tmp_path)
        assert made.returncode == 0, made.stderr


@pytest.mark.parametrize("family", ["inpaint", "control", "ddpm"])
def test_it_is_timed_under_a_load(tmp_path: Path, family: str) -> None:
    pytest.importorskip("mlperf_loadgen", reason="mlperf_loadgen is not installed")

    done = accel("bench", "scenario", family_bundle(family), *STEPS, "--queries", "1", cwd=tmp_path)

    assert done.returncode == 0, done.stderr


TAKES = {"inpaint": "a masked picture", "sdxl-control": "control images", "ldm": "no prompt"}


@pytest.mark.parametrize("family", TAKES)
@pytest.mark.parametrize("command", ["evaluate", "search"])
def test_its_pictures_are_not_judged(tmp_path: Path, command: str, family: str) -> None:
    done = accel(command, family_bundle(family), *STEPS, cwd=tmp_path)

    told = f"{command}: it judges pictures of captions alone, and the model takes {TAKES[family]}: time it with"
    assert_refused(done, told)
    assert list(tmp_path.iterdir()) == []
