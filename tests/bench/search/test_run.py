"""Searches on the small pipeline: what is measured, what is remembered, what is recorded."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import sleep

import msgspec
import pytest
from tests.bundles import family_bundle
from tests.command import accel, assert_refused
from tests.robustness.copies import copy_bundle

from accel_bench.cli.app import app
from accel_bench.profiles import Measured, load_profile
from accel_bench.quality.psnr import psnr
from accel_bench.records.search import SearchRecord
from accel_bench.records.store import read_bench, read_record
from accel_bench.search.rounding import in_bfloat16
from accel_bench.search.space import FULL, SKIPS
from accel_bench.search.store import Entry
from accel_bench.search.summary import summarise_search
from accel_bench.search.table import footer
from accel_runtime import open_bundle
from accel_runtime.errors import AccelError
from accel_runtime.pipeline import Pipeline
from accel_runtime.plans.file import read_plan
from accel_runtime.plans.solved import SolvedFor
from accel_runtime.plans.spec import PlanSpec

SMALL = ("--steps", "6", "--num-prompts", "2", "--batch", "1", "--calibration", "1", "--rounds", "1")
LOOSE = ("--score", "psnr", "--req-score-loss", "0.9")


def search(bundle: Path, folder: Path, *options: str) -> SearchRecord:
    done = accel("search", bundle, *SMALL, *LOOSE, *options, "-o", folder, cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    record = read_record(folder / "record.json")
    assert isinstance(record, SearchRecord)
    return record


def entries(folder: Path) -> Iterator[Entry]:
    for path in sorted((folder / "trials").iterdir()):
        yield msgspec.json.decode(path.read_bytes(), type=Entry)


@pytest.fixture(scope="module")
def searched(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SearchRecord]:
    folder = tmp_path_factory.mktemp("search") / "found"
    return folder, search(bundle_folder, folder, "--write-profile", "mine.toml")


def test_the_record_has_every_candidate_with_every_score_and_what_it_cost(searched: tuple[Path, SearchRecord]) -> None:
    folder, record = searched
    stored = {each.candidate.id: each for each in entries(folder)}

    assert record.tried[0].id == FULL.id
    assert {each.id for each in record.tried} == set(stored)
    assert all(len(each.scores.ssim) == len(stored[each.id].batches) for each in record.tried)
    assert {each.family for each in record.tried} >= {"full", "solved", "skips", "fewer steps"}
    assert record.calls["calibration deep"] > 0
    assert record.calls["calibration shallow"] > 0
    drawn = sum(len(each.scores.ssim) * len(each.facts.deep_calls) for each in record.tried)
    assert record.calls["deep"] == drawn


def test_finalists_are_timed_against_the_baseline_in_a_record_of_their_own(
    searched: tuple[Path, SearchRecord],
) -> None:
    folder, record = searched
    timed = read_bench(folder / "finalists.json")

    assert timed.id == record.finalists
    finalists = [each for each in record.tried if each.image_s]
    assert {each.facts.name for each in finalists} == {plan.facts.name for plan in timed.plans}
    assert record.chosen in {each.id for each in finalists}
    by_name = {plan.facts.name: plan for plan in timed.plans}
    assert all(each.image_s == tuple(i.seconds for i in by_name[each.facts.name].images) for each in finalists)


def test_the_record_says_what_bfloat16_alone_does_where_the_processor_has_it(
    searched: tuple[Path, SearchRecord], bundle_folder: Path, tmp_path: Path
) -> None:
    folder, record = searched
    has_it = in_bfloat16(open_bundle(bundle_folder)) is not None

    assert (record.bfloat16 is not None) is has_it
    if record.bfloat16 is not None:
        found = psnr(record.bfloat16.squared_error)
        assert found is None or found > 25
        again = search(bundle_folder, shutil.copytree(folder, tmp_path / "again"))
        assert again.bfloat16 == record.bfloat16
        assert "full in bfloat16:" in "\n".join(footer(summarise_search(again), again))


def test_pictures_of_random_weights_are_not_compared_in_bfloat16(bundle_folder: Path) -> None:
    pipeline = open_bundle(bundle_folder)
    manifest = pipeline.bundle.manifest
    random = msgspec.structs.replace(manifest.provenance, weights="random")
    bundle = replace(pipeline.bundle, manifest=msgspec.structs.replace(manifest, provenance=random))

    assert in_bfloat16(Pipeline(bundle, pipeline.backend)) is None


def test_the_front_gets_worse_as_it_gets_faster(searched: tuple[Path, SearchRecord]) -> None:
    front = sorted((each for each in summarise_search(searched[1]) if each.in_front), key=lambda each: -each.composed_s)

    distances = [each.quality.distance for each in front]
    assert front[0].facts.name == "full"
    assert distances == sorted(distances)


def test_the_profile_has_what_was_chosen_with_the_records_that_say_so(searched: tuple[Path, SearchRecord]) -> None:
    folder, record = searched
    chosen = next(each for each in record.tried if each.id == record.chosen)
    configs = load_profile(folder.parent / "mine.toml").configs
    (name,) = [name for name, config in configs.items() if config.baseline is not None]
    config = configs[name]

    work = record.workload
    assert config.plan == chosen.facts.plan.with_defaults(steps=work.steps, scheduler=work.scheduler)
    assert configs[str(config.baseline)].plan.deep == "full"
    figures = dict(config.expected.items())
    assert isinstance(figures["speedup"], Measured)
    assert isinstance(figures["score_loss"], Measured)
    assert figures["speedup"].record == record.finalists
    assert figures["score_loss"].record == record.id


def test_what_the_profile_says_is_measured_again_by_bench(
    searched: tuple[Path, SearchRecord], bundle_folder: Path
) -> None:
    profile = searched[0].parent / "mine.toml"
    options = ("--rounds", "1", "--budget", "0", "--provider", "cpu", "--json")

    done = accel("bench", bundle_folder, "--profile", profile, *options, cwd=profile.parent)

    assert done.returncode == 0, done.stderr
    record = msgspec.json.decode(done.stdout)["records"][0]
    chosen = next(each for each in searched[1].tried if each.id == searched[1].chosen)
    (full, cached) = record["plans"]
    assert full["facts"]["plan"]["deep"] == "full"
    assert msgspec.convert(cached["facts"]["plan"], PlanSpec, str_keys=True) == chosen.facts.plan


def test_the_folder_has_the_choice_as_a_plan_file(searched: tuple[Path, SearchRecord]) -> None:
    folder, record = searched
    facts = next(each.facts for each in record.tried if each.id == record.chosen)

    spec = read_plan(folder / "plan.json")

    work = record.workload
    assert (spec.scheduler, spec.steps) == (facts.plan.scheduler or work.scheduler, facts.plan.steps or work.steps)
    assert (spec.deep, spec.branch, spec.forecast) == (facts.deep_calls, facts.plan.branch, facts.plan.forecast)
    assert (spec.weights, spec.guided_calls) == (facts.plan.weights, facts.plan.guided_calls)


def test_a_search_adds_its_choice_to_the_bundle_and_its_folder_is_that_bundles_still(
    searched: tuple[Path, SearchRecord], bundle_folder: Path, tmp_path: Path
) -> None:
    bundle = copy_bundle(bundle_folder, tmp_path / "bundle")
    folder = Path(shutil.copytree(searched[0], tmp_path / "found"))

    first = search(bundle, folder, "--write-bundle", "--plan-name", "found")
    again = search(bundle, folder, "--write-bundle", "--plan-name", "found")

    pipeline = open_bundle(bundle)
    spec = pipeline.named_plan("found")
    work, model = first.workload, pipeline.bundle.manifest.provenance.model
    assert spec.solved_for == SolvedFor(model=str(model), guidance=work.guidance, height=work.height, width=work.width)
    found = read_plan(folder / "plan.json")
    assert msgspec.structs.replace(spec, solved_for=None) == msgspec.structs.replace(found, solved_for=None)
    assert again.calls == first.calls == searched[1].calls
    (chosen,) = (each for each in summarise_search(again) if each.chosen)
    figures = pipeline.bundle.manifest.plan_figures["found"]
    assert (figures.record, figures.pictures) == (again.id, chosen.pictures)
    assert figures.score_loss == pytest.approx(chosen.quality.loss, abs=1e-6)
    assert figures.psnr_db == pytest.approx(chosen.quality.psnr, abs=1e-3)


def test_nothing_is_measured_twice(searched: tuple[Path, SearchRecord], bundle_folder: Path) -> None:
    folder, record = searched
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.parent != folder and path.is_file()}

    again = search(bundle_folder, folder)

    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert again.tried[0].scores == record.tried[0].scores
    assert again.calls == record.calls


def test_a_search_that_is_asked_to_moves_deep_calls_of_what_just_fails(
    searched: tuple[Path, SearchRecord], bundle_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(searched[0], tmp_path / "found")
    unreachable = ("--score", "psnr", "--min-psnr", "200", "--search-targets", "deepcache", "--moves", "2")

    done = accel("search", bundle_folder, *SMALL, *unreachable, "-o", folder, cwd=tmp_path)

    assert done.returncode == 1
    record = read_record(folder / "record.json")
    assert isinstance(record, SearchRecord)
    assert record.asked.moves == 2
    moved = [each for each in record.tried if each.family == "moved"]
    assert [len(each.facts.deep_calls) for each in moved] == [5, 5]


def test_a_search_that_was_killed_at_any_moment_ends_as_if_it_had_not_been(
    searched: tuple[Path, SearchRecord], bundle_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    folder.mkdir()
    # Which mixes of calls are as fast as a budget depends on measured times.
    for name in ("search.json", "times.json"):
        shutil.copy(searched[0] / name, folder / name)
    quick = ("--moves", "0")
    unharmed = search(bundle_folder, shutil.copytree(folder, tmp_path / "unharmed"), *quick)
    words = ("search", str(bundle_folder), *SMALL, *LOOSE, *quick, "-o", str(folder))
    for files in (3, 5, 8, 12, 20):
        process = subprocess.Popen([sys.executable, "-m", "accel_bench", *words], stdout=subprocess.DEVNULL)
        while sum(path.is_file() for path in folder.rglob("*")) < files and process.poll() is None:
            sleep(0.01)
        assert process.poll() is None
        process.kill()
        process.wait()

    record = search(bundle_folder, folder, *quick)

    assert measured_plans(record) == measured_plans(unharmed)
    assert placements(record) == placements(unharmed)


def measured_plans(record: SearchRecord) -> dict[str, tuple[object, ...]]:
    return {each.id: (each.facts, each.scores) for each in record.tried if each.family != SKIPS}


def placements(record: SearchRecord) -> list[tuple[object, ...]]:
    """Plans with skipped calls, without their rows: two processes may solve one to another last digit."""
    plans = [each.facts.plan for each in record.tried if each.family == SKIPS]
    return sorted((plan.steps, plan.deep, plan.skip) for plan in plans)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--steps", "7"), "holds a search of steps 6, not 7: choose another folder"),
        (("--guidance", "2"), "holds a search of guidance 7.5, not 2.0"),
        (("--seed", "5"), "holds a search of seed 0, not 5"),
    ],
)
def test_a_folder_of_another_search_is_refused(
    searched: tuple[Path, SearchRecord], bundle_folder: Path, options: tuple[str, str], told: str
) -> None:
    folder = searched[0]

    done = accel("search", bundle_folder, *SMALL, *options, "-o", folder, cwd=folder.parent)

    assert_refused(done, told)


def test_a_goal_out_of_reach_is_an_error_that_names_what_is_nearest(
    searched: tuple[Path, SearchRecord], bundle_folder: Path
) -> None:
    folder = searched[0]
    options = (*SMALL, "--req-speedup", "99", "-o", folder)

    done = accel("search", bundle_folder, *options, cwd=folder.parent)

    assert done.returncode == 1
    assert "nothing that was tried meets the goal: the fastest reaches" in done.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "expected a bundle's folder, or --model"),
        (("nowhere",), "nowhere"),
        (("BUNDLE", "--score", "clip"), "--score clip and --clip-model: expected both or neither"),
        (("BUNDLE", "--req-speedup", "2", "--req-time", "1"), "expected one of them, got both"),
        (("BUNDLE", "--search-targets", "deepcache,magic"), "expected some of schedule, deepcache, steps, guidance"),
        (("BUNDLE", "--branch", "9"), "which the bundle has, got 9"),
        (("BUNDLE", "--branch", "x"), "--branch: expected numbers by commas"),
        (("BUNDLE", "--num-prompts", "3", "--batch", "2"), "expected a multiple of the batch, 2, got 3"),
        (("BUNDLE", "--num-prompts", "9999"), "--num-prompts: expected 1 to"),
        (("BUNDLE", "--rounds", "0"), "rounds: expected 1 or more, got 0"),
        (("BUNDLE", "--trials", "0"), "--trials: expected 1 or more, got 0"),
        (("BUNDLE", "--moves", "-1"), "--moves: expected 0 or more, got -1"),
        (("BUNDLE", "--guidance", "1", "--search-targets", "guidance"), "there is none to save at --guidance 1"),
        (("CONSISTENCY", "--search-targets", "guidance"), "none to save in a model that takes it as an input"),
        (("BUNDLE", "--calibration", "0"), "--calibration: expected a multiple of the batch"),
        (("BUNDLE", "--write-profile", "mine.json"), "expected a file such as mine.toml"),
        (("BUNDLE", "--write-profile", "none/mine.toml"), "the folder none does not exist"),
        (("BUNDLE", "--write-bundle", "--plan-name", "Fast"), "--plan-name 'Fast': expected a name"),
        (("--model", "tiny", "--write-bundle"), "--write-bundle: expected BUNDLE"),
        (("BUNDLE", "--scheduler", "nothing"), "nothing"),
        (("BUNDLE", "-o", "taken"), "taken"),
        (("BUNDLE", "--prompts", "missing.txt"), "missing.txt"),
    ],
)
def test_bad_input_is_refused_before_any_work(
    options: tuple[str, ...], told: str, bundle_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("something else")
    folders = {"BUNDLE": bundle_folder, "CONSISTENCY": family_bundle("lcm")}
    words = [str(folders.get(word, word)) for word in options]

    with pytest.raises(AccelError) as refused:
        app(args=["search", "--steps", "6", *words], standalone_mode=False)

    assert told in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
