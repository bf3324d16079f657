"""docs/plans.md is enough to run a plan: a reader that is written from it alone makes the calls that we make."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.runtime.plans.test_plan import table
from tests.runtime.plans.test_plan_spec import specs

from accel_runtime.plans.compile import compile_plan, resolve_plan
from accel_runtime.plans.file import encode_plan, read_plan
from accel_runtime.plans.plan import Call, Deep, Plan
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.schedules.schedule import ScheduleRow

PAGE = (Path(__file__).parents[3] / "docs" / "plans.md").read_text()
ORDER = {"hold": 1, "linear": 2, "quadratic": 3}


@dataclass(frozen=True)
class Ran:
    """A call that runs, in plain numbers; without branch and weights where it is deep."""

    timestep: float
    guidance: float
    a: list[float]
    b: list[float]
    c: float
    branch: int | None = None
    weights: list[float] | None = None
    gate: str = "open"


def calls_of(plan: dict[str, Any], rows: Sequence[ScheduleRow], *, scale: float) -> list[Ran]:
    """The calls that run, as the page says it."""
    deep = deep_of(plan["deep"], len(rows))
    return [
        replace(
            of_row(plan, rows, call, scale=scale),
            gate=of_gate(plan, call, deep),
            **({} if call in deep else of_shallow(plan, call, deep)),
        )
        for call in range(len(rows))
        if call not in plan["skip"]
    ]


def of_row(plan: dict[str, Any], rows: Sequence[ScheduleRow], call: int, *, scale: float) -> Ran:
    first, last = plan["guided_calls"] or (0, len(rows) - 1)
    last = min(last, plan.get("tgate", len(rows)) - 1)
    row = rows[call]
    own = {"a": list(row.a), "b": list(row.b), "c": row.c}
    solved = plan["rows"][str(call)] | {"c": 0.0} if plan["rows"] else own
    return Ran(timestep=row.timestep, guidance=scale if first <= call <= last else 1.0, **solved)


def of_gate(plan: dict[str, Any], call: int, deep: list[int]) -> str:
    gate = plan.get("tgate", 1000)
    if call >= gate:
        return "gated"
    return "keeps" if gate < 1000 and call == max(node for node in deep if node < gate) else "open"


def of_shallow(plan: dict[str, Any], call: int, deep: list[int]) -> dict[str, Any]:
    past = [node for node in reversed(deep) if node < call][: ORDER[plan["forecast"]]]
    return {
        "branch": plan["branches"].get(str(call), plan["branch"]),
        "weights": plan["weights"].get(str(call)) or forecast_of(call, past),
    }


def deep_of(deep: str | list[int], rows: int) -> list[int]:
    if isinstance(deep, list):
        return deep
    return list(range(0, rows, 1 if deep == "full" else int(deep.removeprefix("every:"))))


def forecast_of(call: int, past: list[int]) -> list[float]:
    weights = []
    for i, node in enumerate(past):
        weight = 1.0
        for j, other in enumerate(past):
            if j != i:
                weight *= (call - other) / (node - other)
        weights.append(weight)
    return weights


def plain(plan: Plan) -> list[Ran]:
    return [plain_call(row, call) for row, call in zip(plan.schedule.rows, plan.calls, strict=True)]


def plain_call(row: ScheduleRow, call: Call) -> Ran:
    ran = Ran(row.timestep, call.guidance, a=list(row.a), b=list(row.b), c=row.c, gate=call.gate)
    return ran if isinstance(call, Deep) else replace(ran, branch=call.branch, weights=list(call.forecast))


def filled(ran: Ran, like: Ran) -> Ran:
    """With zeros for the history that it does not weigh, up to the length of another's."""
    pad = {name: getattr(ran, name) + [0.0] * (len(getattr(like, name)) - len(getattr(ran, name))) for name in "ab"}
    return replace(ran, **pad)


@given(specs(9), st.integers(0, 8))
def test_a_reader_of_the_page_makes_the_same_calls_to_the_last_bit(spec: PlanSpec, gate: int) -> None:
    if gate > (spec.guided_calls or (0, 0))[1]:
        spec = spec.with_gate(gate)
    ours = plain(compile_plan(spec, table(9), guidance=7.5))

    for written in (spec, resolve_plan(spec, table(9))):
        read = calls_of(json.loads(encode_plan(written)), table(9).rows, scale=7.5)
        assert [filled(ran, own) for ran, own in zip(read, ours, strict=True)] == ours


def test_the_page_s_example_is_a_plan_and_its_table_has_every_key(tmp_path: Path) -> None:
    example = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0]
    (tmp_path / "plan.json").write_text(example)
    keys = re.findall(r"^\| `(\w+)` \|", PAGE.partition("| key |")[2], re.MULTILINE)

    assert read_plan(tmp_path / "plan.json").weights == {4: (1.2, -0.2)}
    assert [*json.loads(example), "rule", "tome", "tgate"] == keys
    assert sorted(keys) == sorted(PlanSpec.__struct_fields__)
    assert msgspec.json.decode(example, type=PlanSpec).steps == 20


def test_the_page_s_numbers_are_right() -> None:
    assert forecast_of(7, [6, 3]) == pytest.approx([4 / 3, -1 / 3])


def test_the_page_s_plan_with_skipped_calls_runs_on_its_schedule(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[1])
    schedule = msgspec.structs.replace(table(4), scheduler="ddim")

    made = compile_plan(read_plan(tmp_path / "plan.json"), schedule, guidance=7.5)

    assert [(row.timestep, row.a, row.b) for row in made.schedule.rows] == [
        (4.0, (0.93, 0.0), (-0.41, 0.0)),
        (2.0, (0.97, 0.01), (-0.33, 0.02)),
    ]
