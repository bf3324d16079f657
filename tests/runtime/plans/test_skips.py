"""Skipped calls and solved rows: what they compile to, and what is refused."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from tests.runtime.plans.test_plan import table

from accel_runtime.errors import InputError
from accel_runtime.plans.compile import compile_plan, resolve_plan
from accel_runtime.plans.forecast import Forecast, forecast_weights
from accel_runtime.plans.plan import Deep, Shallow
from accel_runtime.plans.solved import SolvedFor, SolvedRow
from accel_runtime.plans.spec import PlanError, PlanSpec

ROW = SolvedRow(a=(0.9,), b=(-0.4,))
FOR = SolvedFor(model="a1" * 32, guidance=4.0, height=64, width=64)


def solved(rows: Mapping[int, SolvedRow], **parts: Any) -> PlanSpec:
    """A plan for the schedule `toy` of six calls."""
    whole: dict[str, Any] = {"rows": rows, "scheduler": "toy", "steps": 6} | parts
    return PlanSpec(**whole)


def skipping() -> PlanSpec:
    """Deep 0 and 3, shallow 4, all others skipped."""
    rows = {0: ROW, 3: SolvedRow(a=(0.8,), b=(-0.3, 0.1)), 4: SolvedRow(a=(0.7, 0.2), b=(-0.2,))}
    return solved(rows, deep=(0, 3), skip=(1, 2, 5), forecast=Forecast.LINEAR, branch=1, guided_calls=(0, 3))


def test_skipped_calls_leave_the_plan_and_solved_rows_take_the_place_of_the_schedule_s() -> None:
    made = compile_plan(skipping(), table(6), guidance=7.5)

    weights = forecast_weights(Forecast.LINEAR, 4, deep_calls=(0, 3))
    assert made.calls == (Deep(guidance=7.5), Deep(guidance=7.5), Shallow(guidance=1.0, branch=1, forecast=weights))
    assert [(row.timestep, row.a, row.b) for row in made.schedule.rows] == [
        (6.0, (0.9, 0.0), (-0.4, 0.0)),
        (3.0, (0.8, 0.0), (-0.3, 0.1)),
        (2.0, (0.7, 0.2), (-0.2, 0.0)),
    ]


def test_forecasts_see_the_distances_of_the_full_schedule() -> None:
    made = compile_plan(skipping(), table(6), guidance=7.5)

    # 4 is a third of the way from 3 to 6, whatever is skipped between 0 and 3.
    assert isinstance(made.calls[2], Shallow)
    assert made.calls[2].forecast == pytest.approx((4 / 3, -1 / 3))


def test_a_resolved_plan_keeps_what_was_solved() -> None:
    spec = msgspec.structs.replace(skipping(), solved_for=FOR)

    assert resolve_plan(spec, table(6)) == spec


def test_a_plan_of_version_1_is_the_one_of_version_2_that_it_means() -> None:
    old = msgspec.json.decode(b'{"version": 1, "deep": "every:2"}', type=PlanSpec)

    assert (old, hash(old), msgspec.json.encode(old)) == (
        PlanSpec(deep="every:2"),
        hash(PlanSpec(deep="every:2")),
        msgspec.json.encode(PlanSpec(deep="every:2")),
    )


EVERY_CALL = dict.fromkeys(range(6), ROW)
TWO = {0: ROW, 2: ROW}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"deep": "every:2", "skip": (1,)}, "skip: expected numbers of calls as deep .* got the rule 'every:2'"),
        ({"deep": (0, 2), "skip": (2,)}, "skip: call 2 is deep"),
        ({"deep": (0, 2), "skip": (0, 1)}, "skip: call 0 is deep"),
        ({"deep": (0,), "skip": (2, 1)}, "skip: expected ascending numbers, each once"),
        ({"deep": (0,), "skip": (1, 1)}, "skip: expected ascending numbers, each once"),
        ({"deep": (0,), "skip": (-1,)}, "skip: expected numbers from 1 on, got -1"),
        ({"deep": (0, 2), "skip": (1,)}, "rows: expected a solved row for every call that runs, .*, got none"),
        ({"deep": "full", "rows": EVERY_CALL}, "rows: expected numbers of calls as deep .* got the rule 'full'"),
        ({"deep": (0, 2), "skip": (1,), "rows": {0: ROW}}, "rows: .* got none for call 2"),
        ({"deep": (0, 2), "rows": TWO}, "rows: .* got none for call 1"),
        ({"deep": (0, 2), "skip": (1,), "rows": {**TWO, 1: ROW}}, "rows.1: .* got that of a skipped one"),
        ({"deep": (0,), "skip": (1,), "branches": {1: 2}}, "branches.1: .* got that of a skipped one"),
        ({"deep": (0,), "skip": (1,), "weights": {1: (1.0,)}}, "weights.1: .* got that of a skipped one"),
        ({"deep": (0,), "rows": {0: SolvedRow(a=(1.0, 0.0), b=(1.0,))}}, "rows.0.a: expected 1 to 1 weights"),
        (
            {"deep": (0, 2), "skip": (1,), "rows": {0: ROW, 2: SolvedRow(a=(1.0,), b=(1.0,) * 3)}},
            "rows.2.b: expected 1 to 2 weights, of this call and the running ones before it, got 3",
        ),
        ({"deep": (0,), "rows": {0: SolvedRow(a=(), b=(1.0,))}}, "rows.0.a: expected 1 to 1"),
        ({"deep": (0,), "rows": {0: SolvedRow(a=(1.0,), b=(float("nan"),))}}, "rows.0.b: expected finite numbers"),
        ({"deep": (0,), "rows": {0: ROW}, "scheduler": None}, "scheduler: expected the scheduler that rows"),
        ({"deep": (0,), "rows": {0: ROW}, "steps": None}, "steps: expected the steps that rows"),
        ({"deep": "full", "solved_for": FOR, "steps": None}, "steps: expected the steps that solved_for"),
        ({"deep": (0,), "rows": {0: ROW}, "version": 1}, "rows: expected version 2 of a plan that has it"),
    ],
)
def test_parts_that_contradict_each_other_are_refused(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message) as caught:
        solved(**({"rows": {}} | parts))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "schedule", "message"),
    [
        (skipping(), {"scheduler": "other"}, "rows were solved for scheduler toy, got other: leave the scheduler to"),
        (skipping(), {"steps": 7}, "expected a schedule of the plan's 6 steps, got 7"),
        (skipping(), {"begin": 2}, "solved plans start from noise, got a schedule that starts at call 2"),
        (solved(TWO, deep=(0, 2), skip=(1,)), {}, "rows: .* got none for call 3"),
        (solved({**EVERY_CALL, 6: ROW}, deep=(0,)), {}, r"rows: call 6 is outside 0…5"),
        (solved(EVERY_CALL, deep=(0,), skip=(6,)), {}, r"skip: call 6 is outside 0…5"),
    ],
)
def test_a_schedule_that_the_rows_were_not_solved_for_is_refused(
    spec: PlanSpec, schedule: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        compile_plan(spec, msgspec.structs.replace(table(6), **schedule), guidance=7.5)
    assert "\n" not in str(caught.value)


def test_a_scheduler_that_draws_noise_is_refused_with_what_to_do() -> None:
    first, *others = table(6).rows
    drawing = msgspec.structs.replace(table(6), rows=(first, msgspec.structs.replace(others[0], draws=1), *others[1:]))

    with pytest.raises(InputError, match=r"toy draws noise .* solve a plan for a scheduler that draws none, such as"):
        compile_plan(skipping(), drawing, guidance=7.5)
