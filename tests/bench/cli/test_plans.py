"""`accel plans`, and `--plan NAME`."""

import json
from pathlib import Path

import pytest
from tests.command import accel, assert_refused
from tests.robustness.copies import copy_bundle, edit_manifest, put, replace_file

from accel_runtime.bundle.named_plans import add_plan
from accel_runtime.manifest import read_manifest
from accel_runtime.plans.file import encode_plan
from accel_runtime.plans.solved import SolvedFor
from accel_runtime.plans.spec import PlanSpec

FAST = PlanSpec(deep=(0, 2), scheduler="ddim", steps=4)
SOLVED = PlanSpec(
    deep=(0, 2), scheduler="ddim", steps=4, solved_for=SolvedFor(model="a" * 64, guidance=7.5, height=32, width=32)
)
SMALL = ("--height", "64", "--width", "64", "--latents-out", "latents.npy", "--force")


@pytest.fixture
def bundle(bundle_folder: Path, tmp_path: Path) -> Path:
    (tmp_path / "plan.json").write_bytes(encode_plan(FAST))
    return copy_bundle(bundle_folder, tmp_path / "bundle")


@pytest.mark.usefixtures("bundle")
def test_a_plan_is_added_listed_replaced_and_removed(tmp_path: Path) -> None:
    def run(*words: str) -> str:
        done = accel("plans", *words, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    assert run("list", "bundle") == "bundle: no plans\n"
    assert "--plan fast" in run("add", "bundle", "fast", "plan.json")
    assert_refused(accel("plans", "add", "bundle", "fast", "other.json", cwd=tmp_path), "other.json: cannot be read")
    (tmp_path / "other.json").write_bytes(encode_plan(PlanSpec(deep="full", scheduler="euler", steps=3)))
    assert_refused(accel("plans", "add", "bundle", "fast", "other.json", cwd=tmp_path), "--replace", code=2)
    run("add", "bundle", "fast", "other.json", "--replace")
    run("add", "bundle", "half", "plan.json")
    listed = json.loads(run("list", "bundle", "--json"))
    assert [(each["name"], each["calls"], each["plan"]["steps"]) for each in listed] == [("fast", 3, 3), ("half", 4, 4)]
    run("remove", "bundle", "fast")
    assert "fast" not in run("list", "bundle")


def test_a_named_plan_draws_what_its_file_draws(bundle: Path, tmp_path: Path) -> None:
    add_plan(bundle, "fast", FAST)
    drawn = []
    for plan in ("fast", "plan.json"):
        done = accel("generate", "bundle", "a cat", "--plan", plan, *SMALL, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "ddim 4 steps, 2 deep and 2 shallow calls" in done.stdout
        drawn.append((tmp_path / "latents.npy").read_bytes())

    assert drawn[0] == drawn[1]


def test_options_that_contradict_a_named_plan_are_refused(bundle: Path, tmp_path: Path) -> None:
    add_plan(bundle, "fast", FAST)

    refused = accel("generate", "bundle", "a cat", "--plan", "fast", "--steps", "9", cwd=tmp_path)

    assert_refused(refused, "fast: --steps: expected the plan's own, 4: leave the option out", code=2)


def test_a_plan_that_was_solved_for_another_model_is_added_and_doubted(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "solved.json").write_bytes(encode_plan(SOLVED))

    added = accel("plans", "add", "bundle", "fast", "solved.json", cwd=tmp_path)
    drawn = accel("generate", "bundle", "a cat", "--plan", "fast", "--guidance", "2", *SMALL, cwd=tmp_path)

    assert (added.returncode, drawn.returncode) == (0, 0)
    model = read_manifest(bundle).provenance.model
    other = f"note: the plan was solved for model aaaaaaaaaaaa…, and this is {str(model)[:12]}…"
    assert [line.startswith(other) for line in added.stderr.splitlines()] == [True]
    said = drawn.stderr.splitlines()
    assert said[0].startswith(other)
    assert said[1] == ("note: the plan was solved for guidance 7.5, and is used with 2: solve a plan for this guidance")
    assert "32×32 pixels, and is used for 64×64" in said[2]


def test_a_record_doubts_a_plan_that_was_solved_for_something_else(bundle: Path, tmp_path: Path) -> None:
    add_plan(bundle, "fast", SOLVED)
    words = ("--plan", "fast", "--height", "32", "--width", "32", "--rounds", "1", "--json")

    doubts = json.loads(accel("bench", "bundle", *words, cwd=tmp_path).stdout)["doubts"]

    kinds = {each["kind"]: each["about"] for each in doubts}
    assert "deep" not in kinds["other-model"]
    assert "other-size" not in kinds
    assert kinds["other-model"].startswith("calls:0,2")


def test_inspect_shows_plans_and_verify_reads_them(bundle: Path, tmp_path: Path) -> None:
    add_plan(bundle, "fast", FAST)

    assert "fast" in accel("inspect", "bundle", cwd=tmp_path).stdout
    inspected = json.loads(accel("inspect", "bundle", "--json", cwd=tmp_path).stdout)
    assert inspected["plans"][0]["plan"]["deep"] == [0, 2]
    assert accel("verify", "bundle", cwd=tmp_path).returncode == 0


def test_a_plan_of_a_schedule_that_the_bundle_lacks_is_one_line_that_names_its_file(
    bundle: Path, tmp_path: Path
) -> None:
    (bundle / "odd").mkdir()
    replace_file(bundle, "odd/fast.json", encode_plan(PlanSpec(deep="full", scheduler="ddim", steps=99)))
    edit_manifest(bundle, put("plans", value={"fast": "odd/fast.json"}))

    for words in (("inspect", "bundle"), ("plans", "list", "bundle")):
        assert_refused(accel(*words, cwd=tmp_path), "bundle/odd/fast.json: ", code=1)
    assert accel("plans", "remove", "bundle", "fast", cwd=tmp_path).returncode == 0
    assert accel("plans", "list", "bundle", cwd=tmp_path).stdout == "bundle: no plans\n"


@pytest.mark.usefixtures("bundle")
def test_inspect_says_nothing_of_plans_where_there_are_none(tmp_path: Path) -> None:
    assert "--plan" not in accel("inspect", "bundle", cwd=tmp_path).stdout


def test_a_name_is_taken_by_every_command_that_compares_plans(bundle: Path, tmp_path: Path) -> None:
    add_plan(bundle, "fast", FAST)
    small = ("--height", "64", "--width", "64", "--rounds", "1")

    record = accel("bench", "bundle", "--plan", "fast", *small, "--json", cwd=tmp_path)

    plans = json.loads(record.stdout)["record"]["plans"]
    assert [each["facts"]["plan"]["deep"] for each in plans] == ["full", [0, 2]]
    written = accel("plan", "bundle", "--plan", "fast", cwd=tmp_path)
    assert json.loads(written.stdout)["deep"] == [0, 2]
