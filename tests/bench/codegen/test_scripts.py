"""Generated scripts draw: the one for diffusers, which knows nothing of ours, the same picture as ours."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.bench.codegen.lab import run_here, write_lab

from accel_bench.codegen import Defaults, Target, generate_script

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
