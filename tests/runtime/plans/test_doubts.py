"""Doubts about plans that are used otherwise than they were solved for."""

from typing import Any

import pytest

from accel_runtime import PlanSpec, plan_doubts
from accel_runtime.plans.doubts import GUIDANCE_ABOVE, GUIDANCE_BELOW
from accel_runtime.plans.solved import SolvedFor

MODEL, OTHER = "a" * 64, "b" * 64
HERE: dict[str, Any] = {"model": MODEL, "guidance": 7.5, "height": 64, "width": 96}
SOLVED = PlanSpec(deep=(0, 2), scheduler="ddim", steps=4, solved_for=SolvedFor(**HERE))


def kinds(**changes: Any) -> list[str]:
    return [doubt.kind for doubt in plan_doubts(SOLVED, **(HERE | changes))]


def test_a_plan_that_is_used_as_it_was_solved_raises_no_doubt() -> None:
    assert kinds() == []


def test_a_plan_that_was_solved_for_nothing_raises_no_doubt_anywhere() -> None:
    assert plan_doubts(PlanSpec(deep="every:3"), model=None, guidance=1.0, height=8, width=8) == ()


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"model": OTHER}, "other-model"),
        ({"model": None}, "other-model"),
        ({"guidance": 7.5 + GUIDANCE_ABOVE + 0.1}, "other-guidance"),
        ({"guidance": 7.5 - GUIDANCE_BELOW - 0.1}, "other-guidance"),
        ({"height": 96, "width": 64}, "other-size"),
    ],
)
def test_each_difference_is_a_doubt_of_its_own_kind(changes: dict[str, Any], kind: str) -> None:
    assert kinds(**changes) == [kind]


def test_guidance_nearby_is_no_doubt() -> None:
    assert kinds(guidance=7.5 + GUIDANCE_ABOVE) == []


@pytest.mark.parametrize(("solved", "used"), [(-3.0, 1.0), (1.0, -3.0)])
def test_all_that_is_unguided_is_the_same_guidance(solved: float, used: float) -> None:
    solved_for = SolvedFor(**(HERE | {"guidance": solved}))
    spec = PlanSpec(deep=(0, 2), scheduler="ddim", steps=4, solved_for=solved_for)

    assert plan_doubts(spec, **(HERE | {"guidance": used})) == ()


def test_a_doubt_is_one_line_that_says_both_and_what_to_do() -> None:
    said = [str(doubt) for doubt in plan_doubts(SOLVED, model=OTHER, guidance=1.0, height=128, width=128)]

    assert said == [
        "the plan was solved for model aaaaaaaaaaaa…, and this is bbbbbbbbbbbb…: solve a plan for this model",
        "the plan was solved for guidance 7.5, and is used with 1: solve a plan for this guidance",
        "the plan was solved for 96×64 pixels, and is used for 128×128: solve a plan for this size",
    ]
