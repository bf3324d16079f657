"""`plan.json`: plans as files."""

from pathlib import Path

import pytest

from accel_runtime.errors import InputError
from accel_runtime.plans.file import encode_plan, read_plan
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.spec import PlanSpec

SPEC = PlanSpec(deep=(0, 2), branch=1, forecast=Forecast.LINEAR, weights={3: (1.5, -0.5)}, scheduler="ddim", steps=5)


def test_a_plan_comes_back_as_it_was_a_key_a_line(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(encode_plan(SPEC))

    assert read_plan(tmp_path / "plan.json") == SPEC
    assert '\n  "weights": {"3":[1.5,-0.5]},\n' in (tmp_path / "plan.json").read_text()


def test_version_and_deep_calls_are_enough(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"version": 1, "deep": "every:3"}')

    assert read_plan(tmp_path / "plan.json") == PlanSpec(deep="every:3")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"version": 2, "deep": "full", "skip": [1]}', "expected a plan of version 1, got version 2"),
        ('{"version": true, "deep": "full"}', "expected a plan of version 1, got version True"),
        ('{"deep": "full"}', "expected a plan of version 1, got none"),
        ("[]", "expected a plan of version 1, got none"),
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


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_plan(tmp_path / "none.json")
