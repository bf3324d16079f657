"""Generated scripts draw: the one for diffusers, which knows nothing of ours, the same picture as ours."""

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from tests.bench.codegen.lab import run_here, write_lab
from tests.bundles import family_source, gating_bundle, merging_bundle
from tests.solved import solved_plan

from accel_bench.codegen import Defaults, Target, generate_script
from accel_exporter.check import relative_error
from accel_runtime import Forecast, InputError, PlanSpec, Request, Tome, open_bundle
from accel_runtime.plans.spec import PLAN_VERSION

PROMPT = 'a "cat"\non a mat'

# One config for each thing that the two scripts do in ways of their own.
CONFIGS: list[dict[str, Any]] = [
    {"plan": "every:2"},
    {"scheduler": "pndm", "plan": "calls:0,1,3", "branch": 1, "forecast": "quadratic"},
    {"scheduler": "euler_a", "steps": 5, "plan": "calls:0,2", "branch": 3, "forecast": "linear", "batch": 2},
    {"scheduler": "heun", "plan": "every:3", "branch": 2, "weights": '{ 4 = [1.4, -0.4], "5" = [0.9] }'},
    {"guidance": 1.0, "forecast": "linear", "steps": 6},
    {"scheduler": "dpmpp_2m_karras", "plan": "full"},
    # Guided shallow calls, unguided ones on guided features, an unguided deep one, and a feature of both kinds.
    {"steps": 8, "plan": "calls:0,2,5", "branch": 3, "weights": "{ 6 = [1.25, -0.25] }", "guided_calls": "0-3"},
]

# Skipped calls alone; with shallow ones, whose forecasts look over what is skipped; and scaled inputs.
SOLVED = [
    solved_plan((0, 3, 7), calls=10),
    solved_plan((0, 2, 6), shallow=(3, 8), calls=10, branch=2, forecast=Forecast.QUADRATIC, guided_calls=(0, 6)),
    solved_plan((0, 5), shallow=(7,), calls=9, steps=5, scheduler="heun", weights={7: (1.5, -0.5)}),
]


def write_scripts(folder: Path, source: Path, bundle: Path, **config: Any) -> None:
    choice = write_lab(folder, source, **config)
    defaults = Defaults(prompt=PROMPT, bundle=str(bundle))
    for target in Target:
        script = generate_script(choice, target, defaults=defaults, name=f"run_{target}.py")
        (folder / f"run_{target}.py").write_text(script)


def largest_difference(folder: Path) -> int:
    ours = sorted(folder.glob("runtime*.png"))
    theirs = sorted(folder.glob("diffusers*.png"))
    assert len(ours) == len(theirs) > 0
    return max(
        int(np.abs(np.asarray(Image.open(a)).astype(int) - np.asarray(Image.open(b))).max())
        for a, b in zip(ours, theirs, strict=True)
    )


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: "-".join(map(str, config.values())))
def test_both_scripts_draw_the_same_picture(
    config: dict[str, Any], tmp_path: Path, source_folder: Path, bundle_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_scripts(tmp_path, source_folder, bundle_folder, **config)
    for target in Target:
        run_here(tmp_path / f"run_{target}.py", "--seed", "3", "--output", f"{target}.png", monkeypatch=monkeypatch)

    assert largest_difference(tmp_path) <= 2


def test_the_script_for_diffusers_says_of_another_pipeline_that_it_cannot_drive_it(
    tmp_path: Path, source_folder: Path, bundle_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_scripts(tmp_path, source_folder, bundle_folder)
    model = ("--model", str(family_source("sdxl")))

    with pytest.raises(SystemExit, match="a StableDiffusionXLPipeline: this drives StableDiffusionPipeline"):
        run_here(tmp_path / "run_diffusers.py", *model, "--output", "cat.png", monkeypatch=monkeypatch)


@pytest.mark.parametrize("spec", SOLVED, ids=lambda spec: spec.scheduler)
def test_both_scripts_of_a_plan_with_skipped_calls_draw_the_same_picture(
    spec: PlanSpec, tmp_path: Path, source_folder: Path, bundle_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_scripts(tmp_path, source_folder, bundle_folder, spec=spec)
    for target in Target:
        run_here(tmp_path / f"run_{target}.py", "--seed", "3", "--output", f"{target}.png", monkeypatch=monkeypatch)

    assert largest_difference(tmp_path) <= 2


@pytest.mark.parametrize("deep", ["full", "every:2"])
def test_both_scripts_of_a_plan_that_merges_tokens_draw_the_same_picture(
    deep: str, tmp_path: Path, source_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = PlanSpec(deep=deep, tome=Tome(ratio=0.5), scheduler="ddim", steps=4)
    write_scripts(tmp_path, source_folder, merging_bundle(), spec=spec)
    for target in Target:
        run_here(tmp_path / f"run_{target}.py", "--seed", "3", "--output", f"{target}.png", monkeypatch=monkeypatch)

    assert largest_difference(tmp_path) <= 2


@pytest.mark.parametrize("deep", ["full", "every:2"])
def test_both_scripts_of_a_plan_with_gated_calls_draw_the_same_picture(
    deep: str, tmp_path: Path, source_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = PlanSpec(deep=deep, tgate=2, scheduler="ddim", steps=4)
    write_scripts(tmp_path, source_folder, gating_bundle(), spec=spec)
    for target in Target:
        run_here(tmp_path / f"run_{target}.py", "--seed", "3", "--output", f"{target}.png", monkeypatch=monkeypatch)

    assert largest_difference(tmp_path) <= 2


def test_only_scripts_with_gated_calls_need_tgate(tmp_path: Path, source_folder: Path) -> None:
    gated = PlanSpec(deep="every:2", tgate=2, scheduler="ddim", steps=4)
    plain, needing, ours = (
        generate_script(write_lab(tmp_path, source_folder, spec=spec), target, defaults=Defaults(), name="run.py")
        for spec, target in ((None, Target.DIFFUSERS), (gated, Target.DIFFUSERS), (gated, Target.RUNTIME))
    )

    assert "tgate" not in plain
    assert "from tgate.tgate_utils import register_forward" in needing
    assert "KEEPING = 0" in needing
    assert "tgate=2" in ours
    assert "--tgate" in ours
    solved = msgspec.structs.replace(SOLVED[0], version=PLAN_VERSION, tgate=2)
    with pytest.raises(InputError, match="gates no solved plan: write one for runtime"):
        choice = write_lab(tmp_path, source_folder, spec=solved)
        generate_script(choice, Target.DIFFUSERS, defaults=Defaults(), name="run.py")


def test_only_scripts_that_merge_tokens_need_tomesd(tmp_path: Path, source_folder: Path) -> None:
    merging = PlanSpec(deep="every:2", tome=Tome(ratio=0.5), scheduler="ddim", steps=4)
    by_call = PlanSpec(deep="every:2", tome=Tome(ratio=0.5, calls={0: 0.0}), scheduler="ddim", steps=4)
    plain, needing, ours = (
        generate_script(write_lab(tmp_path, source_folder, spec=spec), target, defaults=Defaults(), name="run.py")
        for spec, target in ((None, Target.DIFFUSERS), (merging, Target.DIFFUSERS), (by_call, Target.RUNTIME))
    )

    assert "tomesd" not in plain
    assert "from tomesd import apply_patch" in needing
    assert "Tome(ratio=0.5, calls={0: 0.0})" in ours
    assert "accel export" not in plain
    assert "--tome 0.5" in ours
    with pytest.raises(InputError, match="merges as many tokens in all calls: write one for runtime"):
        choice = write_lab(tmp_path, source_folder, spec=by_call)
        generate_script(choice, Target.DIFFUSERS, defaults=Defaults(), name="run.py")


def test_the_scheduler_of_the_script_draws_our_picture_in_diffusers_own_pipeline(
    tmp_path: Path, source_folder: Path, bundle_folder: Path, diffusers_pipeline: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = SOLVED[0]
    write_scripts(tmp_path, source_folder, bundle_folder, spec=spec)
    made = runpy.run_path(str(tmp_path / "run_diffusers.py"))
    latents = np.random.default_rng(2).standard_normal((1, 4, 8, 8)).astype(np.float32)
    ours = open_bundle(bundle_folder)
    expected = ours.generate(Request(("a cat",), latents=latents), ours.compile(spec)).latents

    monkeypatch.setattr(diffusers_pipeline, "scheduler", made["SolvedScheduler"]())
    options = {"num_inference_steps": made["STEPS"], "output_type": "latent"}
    found = diffusers_pipeline("a cat", latents=torch.from_numpy(latents), **options).images

    assert relative_error(found.numpy(), expected) <= 1e-4


def test_in_a_process_of_its_own_a_script_says_what_it_wrote_and_how_long_it_took(
    tmp_path: Path, source_folder: Path, bundle_folder: Path
) -> None:
    write_scripts(tmp_path, source_folder, bundle_folder)
    for target in Target:
        command = [sys.executable, f"run_{target}.py", "a red dog", "--output", f"{target}.png"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)
        path, seconds = done.stdout.splitlines()
        assert path == f"{target}.png"
        assert float(seconds.split()[0]) > 0

    assert largest_difference(tmp_path) <= 2


def test_what_is_reused_shows_in_the_picture(
    tmp_path: Path, source_folder: Path, bundle_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for target, plan in ((Target.RUNTIME, "full"), (Target.DIFFUSERS, "calls:0")):
        write_scripts(tmp_path, source_folder, bundle_folder, steps=8, plan=plan, branch=3)
        run_here(tmp_path / f"run_{target}.py", "--output", f"{target}.png", monkeypatch=monkeypatch)

    assert largest_difference(tmp_path) > 2
