"""The plans of a command line: texts, files, and what happens where they contradict each other."""

from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET
from tests.robustness.copies import copy_bundle
from tests.solved import solved_plan

from accel_bench.plans.options import ChosenPlans, PlanOptions, choose_plans, parse_branches
from accel_runtime.bundle.named_plans import add_plan
from accel_runtime.errors import BundleError, InputError
from accel_runtime.plans.file import encode_plan
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.spec import PlanSpec

SOLVED = PlanSpec(deep=(0, 4), branch=1, weights={2: (0.9,)}, guided_calls=(0, 5), scheduler="ddim", steps=8)


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A solved plan."""
    (tmp_path / "plan.json").write_bytes(encode_plan(SOLVED))
    return str(tmp_path / "plan.json")


def chosen(*plans: str, branch: str = "0", forecast: str = "hold", **options: Any) -> ChosenPlans:
    return choose_plans(PlanOptions(plans, [branch], [forecast], **({"steps": 20, "scheduler": None} | options)))


def test_every_plan_meets_every_branch_and_every_forecast() -> None:
    specs = chosen("every:3,calls:0,4", "full", branch="0,2", forecast="hold,linear").specs

    assert len(specs) == 3 * 2 * 2
    assert specs[0] == PlanSpec(deep="every:3")
    assert specs[-1] == PlanSpec(deep="full", branch=2, forecast=Forecast.LINEAR)
    assert {spec.deep for spec in specs} == {"every:3", (0, 4), "full"}


def test_guided_calls_are_those_of_every_plan_that_is_text() -> None:
    assert {spec.guided_calls for spec in chosen("full,every:2", guided_calls="0-3").specs} == {(0, 3)}


def test_every_plan_that_is_text_is_taken_with_every_gate() -> None:
    specs = chosen("full,every:2", tgate=("none,4",)).specs

    assert [(spec.deep, spec.tgate) for spec in specs] == [
        ("full", UNSET),
        ("full", 4),
        ("every:2", UNSET),
        ("every:2", 4),
    ]


def test_a_gate_beside_a_plan_file_that_has_none_is_refused(file: str) -> None:
    with pytest.raises(InputError, match="--tgate: expected the plan's own, none: leave the option out"):
        chosen(file, tgate=("4",), written=frozenset({"--tgate"}))


def test_a_plan_file_brings_its_steps_and_its_scheduler(file: str) -> None:
    found = chosen(file)

    assert (found.steps, found.scheduler) == (8, "ddim")
    assert found.only.with_defaults(steps=8, scheduler="ddim") == SOLVED
    assert found.only.steps is None


def test_files_of_other_steps_keep_theirs_beside_each_other(file: str, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_bytes(encode_plan(PlanSpec(deep="every:2", scheduler="ddim", steps=5)))

    found = chosen(file, str(other), "every:3")

    assert (found.steps, found.scheduler) == (20, "ddim")
    assert [spec.steps for spec in found.specs] == [8, 5, None]


def test_a_plan_file_that_leaves_steps_open_takes_those_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(encode_plan(PlanSpec(deep="every:2")))

    assert chosen(str(tmp_path / "plan.json"), steps=7, written=frozenset({"--steps"})).steps == 7


@pytest.mark.parametrize(
    ("option", "value", "own"),
    [
        ("--branch", {"branch": "0"}, "1"),
        ("--forecast", {"forecast": "linear"}, "hold"),
        ("--steps", {"steps": 9}, "8"),
        ("--scheduler", {"scheduler": "euler"}, "ddim"),
        ("--guided-calls", {"guided_calls": "0-3"}, "0-5"),
    ],
)
def test_an_option_that_contradicts_the_file_is_refused(
    file: str, option: str, value: dict[str, Any], own: str
) -> None:
    with pytest.raises(InputError, match=f"{option}: expected the plan's own, {own}: leave the option out"):
        chosen(file, written=frozenset({option}), **value)


def test_an_option_that_says_what_the_file_says_is_allowed(file: str) -> None:
    written = frozenset({"--branch", "--steps", "--scheduler", "--guided-calls"})

    found = chosen(file, branch="1", steps=8, scheduler="ddim", guided_calls="0-5", written=written)

    assert found.specs == chosen(file).specs


def test_a_path_may_have_commas_and_stand_beside_texts(file: str, tmp_path: Path) -> None:
    odd = tmp_path / "a,b"
    odd.write_bytes(encode_plan(SOLVED))

    assert chosen(str(odd)).specs == chosen(file).specs
    assert [spec.deep for spec in chosen(f"every:3,{file}").specs] == ["every:3", (0, 4)]


@pytest.mark.parametrize(
    ("plans", "message"),
    [
        ("half", "--plan 'half': expected full, every:N .*, or a plan file; there is no such file"),
        ("none.json", "there is no such file"),
        ("", "there is no such file"),
        (".", "there is no such file"),
        ("every:0", "plan 'every:0': expected full"),
        ("full:2", "plan 'full:2': expected full"),
        ("calls:0,", "there is no such file"),
    ],
)
def test_a_text_that_is_neither_plan_nor_file_is_refused(plans: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        chosen(plans)


@pytest.fixture
def bundle(bundle_folder: Path, tmp_path: Path) -> Path:
    """A bundle that knows the solved plan as `fast`."""
    folder = copy_bundle(bundle_folder, tmp_path / "bundle")
    add_plan(folder, "fast", SOLVED)
    return folder


def test_a_plan_of_the_bundle_is_named_beside_texts_and_brings_its_steps_and_its_scheduler(
    bundle: Path, file: str
) -> None:
    found = chosen("every:3,fast", bundle=bundle)

    assert (found.steps, found.scheduler) == (8, "ddim")
    assert found.specs == chosen("every:3", file).specs


def test_an_option_that_contradicts_the_plan_of_the_bundle_is_refused(bundle: Path) -> None:
    with pytest.raises(InputError, match="fast: --steps: expected the plan's own, 8: leave the option out"):
        chosen("fast", bundle=bundle, steps=9, written=frozenset({"--steps"}))


def test_a_name_of_the_bundle_wins_over_a_file_and_a_path_over_the_name(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("fast").write_bytes(encode_plan(PlanSpec(deep="every:4")))
    Path("slow").write_bytes(encode_plan(PlanSpec(deep="every:2")))

    assert chosen("fast", bundle=bundle).specs[0].deep == SOLVED.deep
    assert chosen("./fast", bundle=bundle).specs[0].deep == "every:4"
    assert chosen("slow", bundle=bundle).specs[0].deep == "every:2"
    assert chosen("fast").specs[0].deep == "every:4"  # without a bundle, a file is all that it can be


def test_a_name_that_no_plan_of_the_bundle_has_is_refused_with_all_that_there_is(
    bundle: Path, bundle_folder: Path
) -> None:
    with pytest.raises(InputError, match=r"full, every:N .*, a plan of the bundle \(fast\), or a plan file;"):
        chosen("half", bundle=bundle)
    with pytest.raises(InputError, match=r"a plan of the bundle \(it has none\), or a plan file"):
        chosen("half", bundle=bundle_folder)


def test_a_rule_and_a_path_are_read_without_a_look_at_the_bundle(file: str, tmp_path: Path) -> None:
    none = tmp_path / "no-bundle"

    assert len(chosen("every:3", file, bundle=none).specs) == 2
    with pytest.raises(BundleError, match="not a bundle"):
        chosen("fast", bundle=none)


def test_options_that_mean_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="--branch: expected numbers by commas, such as 0,1, got 'a'"):
        chosen("every:2", branch="0,a")
    with pytest.raises(InputError, match=r"--branch: .* got ''"):
        chosen("every:2", branch="0,")
    with pytest.raises(InputError, match="expected one of hold, linear, quadratic, got 'cubic'"):
        chosen("every:2", forecast="cubic")
    with pytest.raises(InputError, match="expected one plan, one branch and one forecast, got 2 plans"):
        assert chosen("every:2", branch="0,1").only


def test_each_branch_is_taken_once() -> None:
    assert parse_branches(["0,2", "2", "1"]) == (0, 2, 1)


def test_a_plan_with_solved_rows_keeps_the_schedule_that_it_was_solved_for(tmp_path: Path) -> None:
    spec = solved_plan((0, 4, 8), shallow=(5,))
    (tmp_path / "plan.json").write_bytes(encode_plan(spec))

    found = chosen(str(tmp_path / "plan.json"), "every:3")

    assert (found.steps, found.scheduler) == (10, "ddim")
    assert found.specs == (spec, PlanSpec(deep="every:3"))
