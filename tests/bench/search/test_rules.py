"""Rules in a search: thresholds meet the calls that they are calibrated for, and results say what was decided."""

from pathlib import Path
from statistics import mean

import pytest
from tests.command import accel

from accel_bench.base.work import finish
from accel_bench.records.search import SearchRecord
from accel_bench.records.store import read_record
from accel_bench.search.rules import Counts


def drained(counts: Counts, target: float, most_deep: int) -> float:
    return finish(counts.threshold(target, most_deep))


def test_the_threshold_is_the_least_whose_mean_keeps_the_target() -> None:
    runs: list[float] = []

    def count(threshold: float) -> tuple[int, ...]:
        runs.append(threshold)
        return (int(2 / threshold), int(4 / threshold))

    counts = Counts(count)
    threshold = drained(counts, 6.0, 50)
    ran = len(runs)

    assert mean(count(threshold)) <= 6 < mean(count(threshold * 0.9))
    assert counts.mean(threshold, 4) == mean(min(each, 4) for each in count(threshold))
    assert ran == 8
    assert drained(counts, 6.0, 50) == threshold


@pytest.fixture(scope="module")
def record(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> SearchRecord:
    words = ("--steps", "6", "--num-prompts", "2", "--batch", "1", "--calibration", "1", "--rounds", "1")
    goal = ("--score", "psnr", "--req-speedup", "1.01", "--search-targets", "rule")
    folder = tmp_path_factory.mktemp("search") / "found"
    done = accel("search", bundle_folder, *words, *goal, "-o", folder, cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    found = read_record(folder / "record.json")
    assert isinstance(found, SearchRecord)
    return found


def test_candidates_have_their_decided_calls_and_the_time_of_those(record: SearchRecord) -> None:
    rules = [each for each in record.tried if each.facts.plan.rule]

    assert {each.facts.plan.rule.signal for each in rules if each.facts.plan.rule} == {"noise", "latents"}
    for each in rules:
        assert each.family == "rule"
        assert len(each.deep_calls) == len(each.scores.ssim)
        assert all(1 <= len(deep) <= each.facts.most_deep for deep in each.deep_calls)
    # On a busy machine the small model's shallow calls may be timed as the slower ones.
    by_calls = sorted((mean(map(len, each.deep_calls)), each.composed_s) for each in rules)
    times = [seconds for _, seconds in by_calls]
    assert times in (sorted(times), sorted(times, reverse=True))
    assert record.calls["deep"] == sum(len(deep) for each in rules for deep in each.deep_calls) + 6 * 2
