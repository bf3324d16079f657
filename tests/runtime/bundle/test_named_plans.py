"""Plans that a bundle knows by name: added, replaced, removed, and read strictly."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from tests.robustness.copies import copy_bundle, edit_manifest, replace_file, write

from accel_runtime import open_bundle
from accel_runtime.bundle.bundle import read_bundle, unlisted_files
from accel_runtime.bundle.named_plans import add_plan, digest_without_plans, read_plans, remove_plan
from accel_runtime.errors import BundleError, InputError
from accel_runtime.manifest import PlanFigures, read_manifest
from accel_runtime.plans.file import LARGEST_PLAN, encode_plan
from accel_runtime.plans.spec import PlanSpec

FAST = PlanSpec(deep=(0, 4, 8), weights={5: (1.2, -0.2)}, scheduler="ddim", steps=10)
FIGURES = PlanFigures(speedup=2.1, score="psnr", score_loss=0.02, pictures=8, record="0123abcd", psnr_db=31.5)
OTHER = PlanSpec(deep=(0, 5), branch=1, scheduler="euler", steps=8)


@pytest.fixture
def bundle(bundle_folder: Path, tmp_path: Path) -> Path:
    return copy_bundle(bundle_folder, tmp_path / "bundle")


def plan_files(bundle: Path) -> list[str]:
    return sorted(path.name for path in (bundle / "plans").iterdir())


def test_a_plan_comes_back_by_its_name_and_runs(bundle: Path) -> None:
    add_plan(bundle, "fast", FAST)
    pipeline = open_bundle(bundle)

    assert pipeline.named_plan("fast") == FAST
    assert pipeline.compile(pipeline.named_plan("fast")).deep_calls == (0, 4, 8)


def test_all_that_was_in_the_bundle_is_as_it_was_and_the_plan_is_hashed_like_every_file(bundle: Path) -> None:
    before = read_manifest(bundle)
    (file,) = add_plan(bundle, "fast", FAST).plans.values()

    after = read_bundle(bundle).manifest
    assert set(after.files) - set(before.files) == {file}
    assert {path: after.files[path] for path in before.files} == before.files
    assert unlisted_files(bundle, after.files) == ()


def test_what_was_measured_of_a_plan_stays_with_it_and_goes_with_it(bundle: Path) -> None:
    add_plan(bundle, "fast", FAST, figures=FIGURES)
    add_plan(bundle, "other", OTHER)
    add_plan(bundle, "fast", FAST, replace=True)
    kept = read_manifest(bundle).plan_figures
    add_plan(bundle, "fast", OTHER, replace=True)
    replaced = read_manifest(bundle).plan_figures
    add_plan(bundle, "fast", FAST, replace=True, figures=FIGURES)
    remove_plan(bundle, "fast")

    assert kept == {"fast": FIGURES}
    assert replaced == read_manifest(bundle).plan_figures == {}


def test_the_digest_without_plans_stays_the_same_and_is_the_bundles_own_where_it_has_none(bundle: Path) -> None:
    plain = read_bundle(bundle)
    add_plan(bundle, "fast", FAST, figures=FIGURES)
    with_plan = read_bundle(bundle)
    add_plan(bundle, "fast", OTHER, replace=True)

    assert plain.digest not in (with_plan.digest, read_bundle(bundle).digest)
    assert {digest_without_plans(each) for each in (plain, with_plan, read_bundle(bundle))} == {plain.digest}


def test_a_name_that_is_taken_is_refused_unless_the_plan_may_be_replaced(bundle: Path) -> None:
    add_plan(bundle, "fast", FAST)
    add_plan(bundle, "fast", FAST)
    with pytest.raises(InputError, match=r"'fast' is in .* already: choose another name, or replace it with --replace"):
        add_plan(bundle, "fast", OTHER)
    add_plan(bundle, "fast", OTHER, replace=True)

    assert read_plans(bundle).plan("fast") == OTHER


def test_a_replaced_plan_stays_until_the_next_change_for_readers_of_the_old_manifest(bundle: Path) -> None:
    add_plan(bundle, "fast", FAST)
    old = open_bundle(bundle)
    add_plan(bundle, "fast", OTHER, replace=True)
    assert all((bundle / file).is_file() for file in old.bundle.manifest.files)

    add_plan(bundle, "slow", FAST)

    assert [name.rpartition("-")[0] for name in plan_files(bundle)] == ["fast", "slow"]
    assert old.named_plan("fast") == FAST  # an open pipeline goes on with what it was opened with


def test_a_removed_plan_is_gone_and_its_file_goes_with_the_next_change(bundle: Path) -> None:
    add_plan(bundle, "fast", FAST)
    add_plan(bundle, "slow", OTHER)
    remove_plan(bundle, "fast")

    assert read_plans(bundle).names == ("slow",)
    remove_plan(bundle, "slow")
    assert [name.rpartition("-")[0] for name in plan_files(bundle)] == ["slow"]
    with pytest.raises(InputError, match=r"plan 'slow' is not in .*: there is none"):
        remove_plan(bundle, "slow")


def test_plans_that_several_add_at_once_are_all_there(bundle: Path) -> None:
    names = [f"plan-{number}" for number in range(6)]
    begin = Barrier(len(names))

    def add(name: str) -> None:
        begin.wait()
        add_plan(bundle, name, FAST)

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(add, names))

    plans = read_plans(bundle)
    assert plans.names == tuple(names)
    assert {plans.plan(name) for name in names} == {FAST}


def test_what_a_killed_add_left_is_removed_and_what_is_somebody_elses_is_not(bundle: Path, tmp_path: Path) -> None:
    add_plan(bundle, "fast", FAST)
    left = shutil.copy(bundle / read_manifest(bundle).plans["fast"], tmp_path)
    remove_plan(bundle, "fast")
    add_plan(bundle, "slow", OTHER)
    shutil.copy(left, bundle / "plans")
    (bundle / "plans" / "mine-01234567.json").write_bytes(encode_plan(FAST))

    add_plan(bundle, "third", FAST)

    assert [name.rpartition("-")[0] for name in plan_files(bundle)] == ["mine", "slow", "third"]


@pytest.mark.parametrize(
    ("name", "spec", "message"),
    [
        ("Fast", FAST, "plan 'Fast': expected a name of up to 40 lower-case letters"),
        ("every", FAST, "plan 'every': expected a name"),
        ("fast", PlanSpec(deep="every:2"), "expected scheduler and steps, got none"),
        ("fast", PlanSpec(deep="every:2", branch=7, scheduler="ddim", steps=4), "branch 7 is not in the bundle"),
        ("fast", PlanSpec(deep=(0, 9), scheduler="ddim", steps=4), "deep call 9 is outside"),
        ("fast", PlanSpec(deep="full", scheduler="none", steps=4), "scheduler 'none' is not in the bundle"),
        ("fast", PlanSpec(deep="full", scheduler="ddim", steps=77), "accel schedules add .* ddim --steps 77` first"),
    ],
)
def test_a_plan_that_cannot_be_run_is_refused_and_the_bundle_is_as_it_was(
    bundle: Path, name: str, spec: PlanSpec, message: str
) -> None:
    before = read_bundle(bundle).digest

    with pytest.raises(InputError, match=message) as refused:
        add_plan(bundle, name, spec)

    assert "\n" not in str(refused.value)
    assert read_bundle(bundle).digest == before
    assert not (bundle / "plans").exists()


def _overwrite(bundle: Path) -> None:
    write(bundle / read_manifest(bundle).plans["fast"], encode_plan(FAST).replace(b"1.2", b"1.3"))


def _remove(bundle: Path) -> None:
    (bundle / read_manifest(bundle).plans["fast"]).unlink()


def _enlarge(bundle: Path) -> None:
    replace_file(bundle, read_manifest(bundle).plans["fast"], encode_plan(FAST) + b" " * LARGEST_PLAN)


def _link(bundle: Path) -> None:
    path = bundle / read_manifest(bundle).plans["fast"]
    path.rename(bundle.parent / "elsewhere.json")
    path.symlink_to(bundle.parent / "elsewhere.json")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_overwrite, "content changed"),
        (_remove, "missing, but listed"),
        (_enlarge, f"expected a plan of at most {LARGEST_PLAN} bytes"),
        (_link, "a link to"),
    ],
)
def test_a_bundle_whose_plan_was_changed_is_refused_in_one_line(
    bundle: Path, harm: Callable[[Path], None], message: str
) -> None:
    add_plan(bundle, "fast", FAST)
    (bundle / "accel.json.sha256").unlink()
    harm(bundle)

    with pytest.raises(BundleError, match=rf"plans/fast-[0-9a-f]{{8}}\.json: .*{message}") as refused:
        open_bundle(bundle)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "truncated"),
        (b'{"version": 9, "deep": "full"}', "got version 9"),
        (b'{"version": 1, "deep": [1]}', "the first call must be deep"),
        (b"\xff", "."),
    ],
)
def test_a_file_that_is_no_plan_is_refused_when_it_is_asked_for(bundle: Path, content: bytes, message: str) -> None:
    add_plan(bundle, "fast", FAST)
    (bundle / "accel.json.sha256").unlink()
    replace_file(bundle, read_manifest(bundle).plans["fast"], content)
    pipeline = open_bundle(bundle)

    with pytest.raises(BundleError, match=rf"plans/fast-[0-9a-f]{{8}}\.json: .*{message}"):
        pipeline.named_plan("fast")
    with pytest.raises(BundleError, match=rf"plans/fast-[0-9a-f]{{8}}\.json: .*{message}"):
        read_plans(bundle).plan("fast")


def test_a_name_that_no_plan_has_is_refused_with_those_that_have_one(bundle: Path) -> None:
    with pytest.raises(InputError, match=r"plan 'fast' is not in .*: it has none; `accel plans add` adds one"):
        open_bundle(bundle).named_plan("fast")
    add_plan(bundle, "quick", FAST)
    with pytest.raises(InputError, match="expected one of quick"):
        open_bundle(bundle).named_plan("fast")


def test_a_plan_cannot_lead_out_of_the_bundle(bundle: Path) -> None:
    add_plan(bundle, "fast", FAST)
    (bundle / "accel.json.sha256").unlink()
    edit_manifest(bundle, lambda d: d["plans"].update(fast="../plan.json"))

    with pytest.raises(BundleError, match=r"plans.fast: '\.\./plan\.json' is not listed"):
        read_plans(bundle)
