"""A plan with skipped calls in the commands that take plans."""

import json
from pathlib import Path

import pytest
from tests.command import accel, assert_refused
from tests.solved import solved_plan

from accel_bench.records.store import read_bench
from accel_runtime.plans.file import encode_plan, read_plan

SPEC = solved_plan((0, 4, 8), shallow=(5,), branch=1)
NAME = "4 of 10 calls solved-"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plan's file."""
    made = tmp_path_factory.mktemp("skips")
    (made / "plan.json").write_bytes(encode_plan(SPEC))
    return made


@pytest.fixture(scope="module")
def record(folder: Path, bundle_folder: Path) -> Path:
    """A benchmark of the plan beside `full` and a plan by name."""
    done = accel("bench", bundle_folder, "--plan", "plan.json,every:5", "--rounds", "1", "-o", "r.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "3/10, 6 skipped" in done.stdout
    return folder / "r.json"


def test_accel_plan_keeps_all_of_it(folder: Path, bundle_folder: Path) -> None:
    done = accel("plan", bundle_folder, "--plan", "plan.json", "-o", "again.json", cwd=folder)

    assert done.returncode == 0, done.stderr
    assert read_plan(folder / "again.json") == SPEC


def test_generate_says_how_many_calls_ran_and_which_were_skipped(folder: Path, bundle_folder: Path) -> None:
    words = ("generate", bundle_folder, "a cat", "--plan", "plan.json", "--force")
    said = accel(*words, cwd=folder).stdout
    told = json.loads(accel(*words, "--json", cwd=folder).stdout)

    assert "ddim 10 steps, 3 deep and 1 shallow calls, 6 skipped" in said
    assert (told["calls"], told["deep_calls"], told["skipped_calls"]) == (10, [0, 4, 8], [1, 2, 3, 6, 7, 9])


def test_bench_times_it_beside_plans_by_name(record: Path) -> None:
    full, skipping, every = read_bench(record).plans

    assert skipping.facts.name.startswith(NAME)
    assert (full.facts.calls, skipping.facts.calls, every.facts.calls) == (10, 10, 10)
    assert skipping.facts.plan == SPEC
    ran = [read_bench(record).bundle.parts.get(span.name) for span in skipping.images[0].spans]
    assert [part for part in ran if part in ("deep", "shallow")] == ["deep", "deep", "shallow", "deep"]


def test_trace_report_and_compare_take_the_record(folder: Path, record: Path) -> None:
    for words in (("bench", "trace", record, "-o", "t.json"), ("bench", "report", record, "-o", "r.html")):
        done = accel(*words, cwd=folder)
        assert done.returncode == 0, done.stderr
    compared = accel("bench", "compare", record, record, cwd=folder)

    assert compared.returncode == 0, compared.stderr
    assert NAME in compared.stdout
    assert "skipped calls" in (folder / "r.html").read_text()


def test_evaluate_judges_it(folder: Path, bundle_folder: Path) -> None:
    words = ("--plan", "plan.json", "--num-prompts", "1", "--batch", "1", "--markdown")
    done = accel("evaluate", bundle_folder, *words, cwd=folder)

    assert done.returncode == 0, done.stderr
    assert NAME in done.stdout
    assert "3/10, 6 skipped" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--steps", "9"), "--steps: expected the plan's own, 10: leave the option out"),
        (("--scheduler", "euler"), "--scheduler: expected the plan's own, ddim"),
        (("--image", "start.png", "--strength", "0.5", "--force"), "solved plans start from noise"),
    ],
)
def test_what_it_was_not_solved_for_is_refused_in_one_line(
    folder: Path, bundle_folder: Path, words: tuple[str, ...], message: str
) -> None:
    if not (folder / "start.png").exists():
        accel("generate", bundle_folder, "a cat", "--steps", "1", "-o", "start.png", cwd=folder)

    assert_refused(accel("generate", bundle_folder, "a cat", "--plan", "plan.json", *words, cwd=folder), message)
