"""Gated calls in a search: they are timed as all graphs are, and compete with what is not gated."""

from pathlib import Path

import pytest
from msgspec import UNSET
from tests.bundles import gating_bundle
from tests.command import accel, assert_refused

from accel_bench.records.search import SearchRecord
from accel_bench.records.store import read_record
from accel_bench.search.cost import compose_s, timed_calls
from accel_bench.search.summary import summarise_search
from accel_bench.search.table import footer, mechanisms
from accel_bench.search.targets import parse_targets
from accel_runtime import InputError, PlanSpec, open_bundle

STEPS = 8
WORDS = ("--steps", str(STEPS), "--num-prompts", "2", "--batch", "1", "--calibration", "1", "--rounds", "1")


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> SearchRecord:
    goal = ("--score", "ssim", "--req-score-loss", "100%", "--search-targets", "tgate", "--scheduler", "ddim")
    folder = tmp_path_factory.mktemp("search") / "found"
    done = accel("search", gating_bundle(), *WORDS, *goal, "-o", folder, cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    found = read_record(folder / "record.json")
    assert isinstance(found, SearchRecord)
    return found


def test_the_full_unet_is_tried_with_each_gate(record: SearchRecord) -> None:
    assert [each.facts.plan.tgate for each in record.tried] == [UNSET, 6, 4, 2]
    assert all(each.scores.ssim for each in record.tried)


def test_an_image_s_time_is_composed_of_open_keeping_and_gated_calls(record: SearchRecord) -> None:
    kinds = {"deep", "deep keeps", "deep gated unguided", "shallow 0 gated unguided"}
    plan = open_bundle(gating_bundle()).compile(PlanSpec(deep="full", scheduler="ddim", steps=STEPS, tgate=2))

    assert kinds <= set(record.stages.calls)
    (found,) = (each for each in record.tried if each.facts.plan.tgate == 2)
    assert found.composed_s == pytest.approx(compose_s(record.stages, plan))


def test_a_bundle_that_is_exported_for_a_search_has_a_schedule_of_as_many_calls_as_are_timed(
    record: SearchRecord,
) -> None:
    images = 2

    assert sum(map(len, record.stages.calls.values())) == images * timed_calls(1, shares=0, gates=True)


def test_the_front_is_told_by_mechanism(record: SearchRecord) -> None:
    summaries = summarise_search(record)

    assert mechanisms(summaries[0]) == ("full",)
    assert mechanisms(summaries[1]) == ("tgate",)
    assert any(line.startswith("on the front: ") and "of full" in line for line in footer(summaries, record))


def test_what_cannot_be_searched_is_refused_in_one_line(bundle_folder: Path, tmp_path: Path) -> None:
    goal = ("--score", "psnr", "--req-speedup", "1.01", "--search-targets", "tgate")

    done = accel("search", bundle_folder, *WORDS, *goal, "-o", "found", cwd=tmp_path)

    assert_refused(done, "--search-targets tgate: the bundle has no graphs of gated calls: export it with `--tgate`")
    with pytest.raises(InputError, match="precision: a bundle's graphs have one: export another with `--dtype`"):
        parse_targets("deepcache,precision")
