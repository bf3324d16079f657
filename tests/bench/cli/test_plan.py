"""`accel plan`, and the file that it writes wherever `--plan` is taken."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.command import accel, assert_refused

from accel_bench.records.store import read_bench
from accel_runtime.plans.file import encode_plan, read_plan
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.spec import PlanSpec

OPTIONS = ("--plan", "every:3", "--branch", "1", "--forecast", "linear", "--steps", "7", "--scheduler", "ddim")
RESOLVED = PlanSpec(deep=(0, 3, 6), branch=1, forecast=Forecast.LINEAR, scheduler="ddim", steps=7)


@pytest.fixture
def written(bundle_folder: Path, tmp_path: Path) -> Path:
    """The plan of the options above, as a file."""
    done = accel("plan", bundle_folder, *OPTIONS, "-o", "plan.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "plan.json\n"), done.stderr
    return tmp_path / "plan.json"


def test_it_writes_the_calls_by_number_with_scheduler_and_steps(written: Path) -> None:
    assert read_plan(written) == RESOLVED


def test_without_output_it_prints_what_it_would_write(written: Path, bundle_folder: Path) -> None:
    done = accel("plan", bundle_folder, *OPTIONS, cwd=written.parent)

    assert done.stdout == written.read_text()


def test_the_bundle_says_which_scheduler_is_meant_and_how_many_calls_it_makes(
    bundle_folder: Path, tmp_path: Path
) -> None:
    shown = json.loads(accel("plan", bundle_folder, "--steps", "4", "--guided-calls", "0-1", cwd=tmp_path).stdout)
    heun = json.loads(accel("plan", bundle_folder, "--steps", "4", "--scheduler", "heun", cwd=tmp_path).stdout)

    assert shown["scheduler"]
    assert shown["guided_calls"] == [0, 1]
    assert heun["deep"] == [0, 1, 2, 3, 4, 5, 6]


def test_a_plan_file_is_resolved_again_to_itself(written: Path, bundle_folder: Path) -> None:
    done = accel("plan", bundle_folder, "--plan", "plan.json", cwd=written.parent)

    assert done.stdout == written.read_text()


def test_generate_draws_with_the_file_what_it_draws_with_the_options(written: Path, bundle_folder: Path) -> None:
    for name, words in (("options", OPTIONS), ("file", ("--plan", "plan.json"))):
        done = accel("generate", bundle_folder, "a cat", *words, "-o", f"{name}.png", cwd=written.parent)
        assert done.returncode == 0, done.stderr
    options, file = (np.asarray(Image.open(written.parent / f"{name}.png")) for name in ("options", "file"))

    np.testing.assert_array_equal(file, options)


def test_bench_times_a_plan_file_beside_plans_by_name(written: Path, bundle_folder: Path) -> None:
    words = ("--plan", "plan.json,every:2", "--branch", "1", "--forecast", "linear", "--rounds", "1", "-o", "r.json")
    done = accel("bench", bundle_folder, *words, cwd=written.parent)
    assert done.returncode == 0, done.stderr
    record = read_bench(written.parent / "r.json")

    assert (record.workload.steps, record.workload.scheduler) == (7, "ddim")
    assert [run.facts.name for run in record.plans] == ["full", "calls:0,3,6 k=1 linear", "every:2 k=1 linear"]
    assert record.plans[1].facts.plan.with_defaults(steps=7, scheduler="ddim") == RESOLVED


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--plan", "plan.json", "--steps", "9"), "--steps: expected the plan's own, 7: leave the option out"),
        (("--plan", "plan.json", "--branch", "0"), "--branch: expected the plan's own, 1: leave the option out"),
        (("--plan", "plan.json", "--scheduler", "euler"), "--scheduler: expected the plan's own, ddim"),
        (("--plan", "none.json"), "or a plan file; there is no such file"),
        (("--plan", "older.json"), "older.json: expected a plan of version 1 to 5, got version 0"),
        (("--plan", "every:2", "--branch", "9"), "branch 9 is not in the bundle"),
        (("--plan", "every:2", "--branch", "0,1"), "expected one plan, one branch and one forecast, got 2 plans"),
        (("--plan", "calls:0,30"), "deep call 30 is outside 0…"),
        (("--guided-calls", "0-30"), "guided calls: expected first and last of 0 to "),
        (("--guided-calls", "1-5", "--plan", "calls:0"), "call 1 is guided, but the deep call it reuses was not"),
        (("--scheduler", "magic"), "scheduler 'magic'"),
        (("-o", "plan.json"), "exists already"),
    ],
)
def test_what_is_no_plan_of_the_bundle_is_refused_in_one_line(
    bundle_folder: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    (tmp_path / "plan.json").write_bytes(encode_plan(RESOLVED))
    (tmp_path / "older.json").write_text('{"version": 0}')

    assert_refused(accel("plan", bundle_folder, *words, cwd=tmp_path), message)
