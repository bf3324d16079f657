"""`plan.json`: plans as files."""

from pathlib import Path

import pytest

from accel_runtime.errors import InputError
from accel_runtime.plans.file import encode_plan, read_plan
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.solved import SolvedFor, SolvedRow
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.plans.tome import Tome

SPEC = PlanSpec(
    deep=(0, 2),
    skip=(1,),
    branch=1,
    forecast=Forecast.LINEAR,
    weights={3: (1.5, -0.5)},
    rows={0: SolvedRow(a=(0.9,), b=(-0.4,)), 2: SolvedRow(a=(0.9, 0.1), b=(-0.3,)), 3: SolvedRow(a=(1.0,), b=(-0.2,))},
    scheduler="ddim",
    steps=4,
    solved_for=SolvedFor(model="5e" * 32, guidance=4.0, height=64, width=64),
)


def test_a_plan_comes_back_as_it_was_a_key_a_line(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(encode_plan(SPEC))

    assert read_plan(tmp_path / "plan.json") == SPEC
    assert '\n  "skip": [1],\n' in (tmp_path / "plan.json").read_text()
    assert '\n  "weights": {"3":[1.5,-0.5]},\n' in (tmp_path / "plan.json").read_text()


def test_version_and_deep_calls_are_enough(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"version": 1, "deep": "every:3"}')

    assert read_plan(tmp_path / "plan.json") == PlanSpec(deep="every:3")


def test_a_file_of_version_1_is_the_plan_of_version_2_that_it_means(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text('{"version": 1, "deep": [0, 2], "weights": {"3": [1.5, -0.5]}, "steps": 4}')

    read = read_plan(tmp_path / "old.json")

    assert read == PlanSpec(deep=(0, 2), weights={3: (1.5, -0.5)}, steps=4)
    assert b'\n  "version": 2,\n' in encode_plan(read)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"version": 6, "deep": "full"}', "expected a plan of version 1 to 5, got version 6"),
        ('{"version": true, "deep": "full"}', "expected a plan of version 1 to 5, got version True"),
        ('{"deep": "full"}', "expected a plan of version 1 to 5, got none"),
        ("[]", "expected a plan of version 1 to 5, got none"),
        ('{"version": 1, "deep": [0], "skip": []}', "skip: expected version 2 of a plan with it, got version 1"),
        ('{"version": 1, "deep": [0], "solved_for": null}', "solved_for: expected version 2"),
        ('{"version": 2, "deep": [0], "rows": {"0": {"a": [1, 2, 3, 4], "b": [1]}}}', "length <= 3"),
        ('{"version": 2, "deep": [0], "rows": {"0": {"a": [1], "b": []}}}', "length >= 1"),
        ('{"version": 2, "deep": [0], "rows": {"0": {"a": [1]}}}', "missing required field `b`"),
        ('{"version": 2, "deep": [0], "rows": {"0": {"a": [1], "b": [1], "c": 1}}}', "unknown field `c`"),
        ('{"version": 2, "deep": [0], "rows": {"0": {"a": [1e400], "b": [1]}}}', "out of range"),
        ('{"version": 2, "deep": [0], "rows": {"0": {"a": [1e7], "b": [1]}}}', "<= 1000000.0"),
        ('{"version": 2, "deep": [0], "skip": [1]}', "rows: expected a solved row for every call that runs"),
        (
            '{"version": 2, "deep": [0], "solved_for": {"model": "A", "guidance": 4, "height": 64, "width": 64}}',
            "matching regex",
        ),
        ('{"version": 2, "deep": [0], "rule": null}', "rule: expected version 3 of a plan with it, got version 2"),
        (
            '{"version": 3, "deep": [0], "rule": {"signal": "noise", "threshold": 0.1}}',
            "missing required field `most_deep`",
        ),
        (
            '{"version": 3, "deep": "full", "rule": {"signal": "noise", "threshold": 0.1, "most_deep": 2}}',
            "rule: expected numbers of calls as deep beside it, got 'full'",
        ),
        (
            '{"version": 3, "deep": [0, 4], "rule": {"signal": "noise", "threshold": 0.1, "most_deep": 1}}',
            "rule.most_deep: expected 2 or more, as many as deep has, got 1",
        ),
        ('{"version": 3, "deep": [0], "rule": {"signal": "mood", "threshold": 0.1, "most_deep": 2}}', "Invalid enum"),
        ('{"version": 3, "deep": "full", "tome": null}', "tome: expected version 4 of a plan with it, got version 3"),
        ('{"version": 4, "deep": "full", "tome": {"ratio": 0}}', "tome: expected a share above 0 for some call"),
        ('{"version": 4, "deep": "full", "tome": {"ratio": 0.8}}', "<= 0.75"),
        ('{"version": 4, "deep": "full", "tome": {"calls": {}}}', "missing required field `ratio`"),
        ('{"version": 4, "deep": "full", "tome": {"ratio": 0.5, "calls": {"1": 0.5}}}', "expected another share than"),
        ('{"version": 4, "deep": "full", "tgate": 3}', "tgate: expected version 5 of a plan with it, got version 4"),
        ('{"version": 5, "deep": "full", "tgate": 0}', "Expected `int` >= 1"),
        ('{"version": 5, "deep": "full", "tgate": 3, "tome": {"ratio": 0.5}}', "tgate: expected no tome beside it"),
        (
            '{"version": 5, "deep": [0], "tgate": 3, "rule": {"signal": "noise", "threshold": 0.1, "most_deep": 2}}',
            "tgate: expected no rule beside it, got one",
        ),
        (
            '{"version": 5, "deep": "full", "tgate": 3, "guided_calls": [0, 3]}',
            "tgate: expected guided calls before 3 alone beside it, got them up to 3",
        ),
        ('{"version": 1}', "missing required field `deep`"),
        ('{"version": 1, "deep": "full", "guidance": 7.5}', "unknown field `guidance`"),
        ('{"version": 1, "deep": [0, 5000]}', "Expected `int` <= 1999"),
        ('{"version": 1, "deep": [1]}', "the first call must be deep"),
        ('{"version": 1, "deep": [0], "weights": {"one": [1]}}', "Expected `int`"),
        ('{"version": 1, "deep": [0], "weights": {"1": [1, 1, 1, 1]}}', "length <= 3"),
        ("{", "Input data was truncated"),
    ],
)
def test_what_is_no_plan_of_this_version_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "plan.json").write_text(text)

    with pytest.raises(InputError, match=rf"plan\.json: .*{message}") as caught:
        read_plan(tmp_path / "plan.json")
    assert "\n" not in str(caught.value)


def test_a_plan_with_gated_calls_is_version_5_and_guides_none_of_them(tmp_path: Path) -> None:
    spec = PlanSpec(deep=(0, 2, 4), tgate=3)
    (tmp_path / "plan.json").write_bytes(encode_plan(spec))

    assert b'\n  "version": 5,\n' in encode_plan(spec)
    assert b'\n  "tgate": 3\n' in encode_plan(spec)
    assert read_plan(tmp_path / "plan.json") == spec
    assert [spec.guides(call) for call in range(5)] == [True, True, True, False, False]
    assert b"tgate" not in encode_plan(PlanSpec(deep="every:2"))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_plan(tmp_path / "none.json")


def test_a_plan_that_merges_tokens_is_version_4_and_all_others_stay_what_they_were(tmp_path: Path) -> None:
    spec = PlanSpec(deep="every:2", tome=Tome(ratio=0.5, calls={4: 0.3, 0: 0.0}))
    (tmp_path / "plan.json").write_bytes(encode_plan(spec))

    assert b'\n  "version": 4,\n' in encode_plan(spec)
    assert b'"tome": {"ratio":0.5,"calls":{"0":0.0,"4":0.3}}' in encode_plan(spec)
    assert read_plan(tmp_path / "plan.json") == spec
    assert [spec.tome_of(call) for call in range(5)] == [0.0, 0.5, 0.5, 0.5, 0.3]
    assert b"tome" not in encode_plan(PlanSpec(deep="every:2"))
    assert b'"version": 2' in encode_plan(PlanSpec(deep="every:2"))
