"""A search for a model that takes the guidance as an input, and so has no calls of two halves."""

import shutil
from pathlib import Path

from tests.bundles import family_bundle
from tests.command import accel

from accel_runtime.plans.file import read_plan

DRAW = ("--steps", "4", "--scheduler", "lcm", "--num-prompts", "1", "--batch", "1")
# Whatever is found meets it.
GOAL = ("--req-speedup", "0.01", "--score", "psnr", "--rounds", "2")


def test_its_graphs_are_timed_and_a_plan_is_found(tmp_path: Path) -> None:
    bundle = shutil.copytree(family_bundle("lcm"), tmp_path / "bundle")
    assert accel("schedules", "add", bundle, "lcm", "--steps", "12", cwd=tmp_path).returncode == 0
    how = ("--strategy", "grid", "--search-targets", "deepcache", "--branch", "0", "-o", "found")

    done = accel("search", bundle, *DRAW, *GOAL, *how, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert read_plan(tmp_path / "found" / "plan.json").scheduler == "lcm"
