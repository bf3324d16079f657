"""docs/plans.md is enough to run a plan: a reader that is written from it alone makes the calls that we make."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from tests.runtime.plans.test_plan import table
from tests.runtime.plans.test_plan_spec import specs

from accel_runtime.plans.compile import compile_plan, resolve_plan
from accel_runtime.plans.file import encode_plan, read_plan
from accel_runtime.plans.plan import Call, Deep
from accel_runtime.plans.spec import PlanSpec

PAGE = (Path(__file__).parents[3] / "docs" / "plans.md").read_text()
ORDER = {"hold": 1, "linear": 2, "quadratic": 3}


def calls_of(plan: dict[str, Any], rows: int, *, scale: float) -> list[tuple[int | None, list[float], float]]:
    """Branch, weights and guidance of each call, None and no weights for deep ones, as the page says it."""
    deep = deep_of(plan["deep"], rows)
    found: list[tuple[int | None, list[float], float]] = []
    for call in range(rows):
        first, last = plan["guided_calls"] or (0, rows - 1)
        guidance = scale if first <= call <= last else 1.0
        if call in deep:
            found.append((None, [], guidance))
            continue
        branch = plan["branches"].get(str(call), plan["branch"])
        past = [node for node in reversed(deep) if node < call][: ORDER[plan["forecast"]]]
        found.append((branch, plan["weights"].get(str(call)) or forecast_of(call, past), guidance))
    return found


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


def plain(call: Call) -> tuple[int | None, list[float], float]:
    if isinstance(call, Deep):
        return None, [], call.guidance
    return call.branch, list(call.forecast), call.guidance


@given(specs(9))
def test_a_reader_of_the_page_makes_the_same_calls_to_the_last_bit(spec: PlanSpec) -> None:
    ours = [plain(call) for call in compile_plan(spec, table(9), guidance=7.5).calls]

    for written in (spec, resolve_plan(spec, table(9))):
        assert calls_of(json.loads(encode_plan(written)), 9, scale=7.5) == ours


def test_the_page_s_example_is_a_plan_and_its_table_has_every_key(tmp_path: Path) -> None:
    example = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0]
    (tmp_path / "plan.json").write_text(example)
    keys = re.findall(r"^\| `(\w+)` \|", PAGE.partition("| key |")[2], re.MULTILINE)

    assert read_plan(tmp_path / "plan.json").weights == {4: (1.2, -0.2)}
    assert list(json.loads(example)) == keys
    assert sorted(keys) == sorted(PlanSpec.__struct_fields__)
    assert msgspec.json.decode(example, type=PlanSpec).steps == 20


def test_the_page_s_numbers_are_right() -> None:
    assert forecast_of(7, [6, 3]) == pytest.approx([4 / 3, -1 / 3])
