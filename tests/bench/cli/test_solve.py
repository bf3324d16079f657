"""`accel plans solve` on the small bundle."""

from pathlib import Path

import pytest
from tests.command import accel, assert_refused

from accel_runtime import open_bundle
from accel_runtime.plans.file import read_plan

SMALL = ("--steps", "6", "--batch", "1", "--calibration", "2", "--guidance", "4", "--calls", "2")


def test_a_solved_plan_is_a_file_that_generate_and_plans_add_take(bundle_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"

    done = accel(
        "plans",
        "solve",
        bundle_folder,
        *SMALL,
        "--calls",
        "2",
        "--shallow",
        "1",
        "--moves",
        "2",
        "-o",
        file,
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stderr
    assert "2 deep, 1 shallow and 3 skipped calls" in done.stdout
    spec, manifest = read_plan(file), open_bundle(bundle_folder).bundle.manifest
    assert (len(spec.deep), len(spec.rows), len(spec.skip)) == (2, 3, 3)
    assert (spec.scheduler, spec.steps) == ("ddim", 6)
    assert spec.solved_for is not None
    assert (spec.solved_for.model, spec.solved_for.guidance) == (manifest.provenance.model, 4.0)
    drawn = accel(
        "generate",
        bundle_folder,
        "a dog",
        "--guidance",
        "4",
        "--plan",
        file,
        "-o",
        tmp_path / "image.png",
        cwd=tmp_path,
    )
    assert drawn.returncode == 0, drawn.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--calls", "0"), "at least 1 deep call"),
        (("--calls", "7"), "at most 6 calls"),
        (("--calls", "1", "--shallow", "-1"), "at least 1 deep call"),
        (("--steps", "2"), "at least 3 calls"),
        (("--scheduler", "euler_a"), "draws noise"),
        (("--scheduler", "none"), "not in the bundle"),
        (("--calibration", "0"), "--calibration"),
        (("--moves", "-1"), "--moves"),
        (("--branch", "7"), "branch 7"),
        (("--batch", "0"), "batch"),
    ],
)
def test_what_cannot_be_solved_is_one_line(
    bundle_folder: Path, tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    done = accel("plans", "solve", bundle_folder, *SMALL, *options, "-o", tmp_path / "plan.json", cwd=tmp_path)

    assert_refused(done, told)
    assert not (tmp_path / "plan.json").exists()
