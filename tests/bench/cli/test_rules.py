"""A plan with a rule in the commands that take plans: each record says which calls ran."""

import json
from pathlib import Path

import pytest
from tests.command import accel, assert_refused

from accel_bench.records.evaluation import EvaluationRecord
from accel_bench.records.store import read_bench, read_record
from accel_runtime.plans.file import read_plan
from accel_runtime.plans.rule import Rule

PLAN = ("--steps", "8", "--scheduler", "ddim", "--plan", "rule:noise:0:3", "--forecast", "linear")
# With a threshold of 0, the cap's first calls but for call 1, before which nothing has changed yet.
DEEP = (0, 2, 3)


def test_generate_says_which_calls_were_deep(bundle_folder: Path, tmp_path: Path) -> None:
    words = ("generate", bundle_folder, "a cat", *PLAN, "--force")
    told = json.loads(accel(*words, "--json", cwd=tmp_path).stdout)

    assert told["deep_calls"] == list(DEEP)
    assert "3 deep and 5 shallow calls" in accel(*words, cwd=tmp_path).stdout


def test_a_plan_file_keeps_the_rule_and_runs_it(bundle_folder: Path, tmp_path: Path) -> None:
    assert accel("plan", bundle_folder, *PLAN, "-o", "rule.json", cwd=tmp_path).returncode == 0
    spec = read_plan(tmp_path / "rule.json")
    told = json.loads(accel("generate", bundle_folder, "a cat", "--plan", "rule.json", "--json", cwd=tmp_path).stdout)

    assert (spec.version, spec.rule) == (3, Rule(signal="noise", threshold=0.0, most_deep=3))
    assert told["deep_calls"] == list(DEEP)


def test_bench_records_the_calls_of_every_image(bundle_folder: Path, tmp_path: Path) -> None:
    done = accel("bench", bundle_folder, *PLAN, "--rounds", "2", "-o", "r.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = read_bench(tmp_path / "r.json")

    assert [image.deep_calls for image in record.plans[1].images] == [DEEP, DEEP]
    ran = [record.bundle.parts.get(span.name) for span in record.plans[1].images[0].spans]
    assert [at for at, part in enumerate(p for p in ran if p in ("deep", "shallow")) if part == "deep"] == list(DEEP)
    assert "3/8" in done.stdout
    assert accel("bench", "report", "r.json", "-o", "page.html", cwd=tmp_path).returncode == 0
    assert accel("bench", "trace", "r.json", "-o", "trace.json", cwd=tmp_path).returncode == 0


def test_evaluate_records_the_calls_of_every_batch(bundle_folder: Path, tmp_path: Path) -> None:
    words = ("evaluate", bundle_folder, *PLAN, "--num-prompts", "2", "--batch", "1", "-o", "e.json")
    done = accel(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = read_record(tmp_path / "e.json")

    assert isinstance(record, EvaluationRecord)
    assert record.trials[1].deep_calls == (DEEP, DEEP)
    assert record.trials[1].deep == 3


@pytest.mark.parametrize("text", ["rule", "rule:mood:1:3", "rule:noise:-1:3", "rule:noise:1:0", "rule:noise:nan:3"])
def test_what_is_no_rule_is_refused_in_one_line(bundle_folder: Path, text: str, tmp_path: Path) -> None:
    assert_refused(
        accel("generate", bundle_folder, "a cat", "--plan", text, cwd=tmp_path), "expected rule:SIGNAL:THRESHOLD"
    )


def test_a_rule_cannot_be_beside_calls_that_are_guided_later(bundle_folder: Path, tmp_path: Path) -> None:
    words = ("generate", bundle_folder, "a cat", *PLAN, "--guided-calls", "2-4")
    assert_refused(accel(*words, cwd=tmp_path), "rule: expected guided calls from 0 on beside it, got them from 2 on")
