"""`accel profiles`."""

import json
from pathlib import Path

import pytest
from tests.bench.profiles.minimal import TEXT, write
from tests.command import accel, assert_refused

from accel_bench.profiles.files import FOLDER_VARIABLE


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, with one profile."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    write(tmp_path)
    return tmp_path


def test_it_lists_what_is_shipped_and_what_is_the_users(mine: Path) -> None:
    done = accel("profiles", cwd=mine)
    listed = json.loads(accel("profiles", "--json", cwd=mine).stdout)

    assert done.returncode == 0
    assert "The lab's card" in done.stdout
    assert {"mi250", "cpu", "lab"} <= {profile["name"] for profile in listed}
    assert "cpu" in {profile["name"] for profile in listed if profile["here"]}
    assert not all(profile["here"] for profile in listed)


def test_it_shows_facts_configs_and_where_every_figure_is_from(mine: Path) -> None:
    shown = accel("profiles", "mi250x", cwd=mine).stdout

    assert "peak fp16 191.5 TFLOP/s (amd-instinct-mi200)" in shown
    assert "sd15, 512×512, fp16, ddim 50 steps, guidance 7.5" in shown
    (row,) = (line for line in shown.splitlines() if "sd15-b8-full" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "sd15-b8-full",
        "8",
        "full",
        "12.5",
        "",
        "",
        "published",
    ]
    assert "ort-sd: ONNX Runtime's Stable Diffusion benchmark" in shown


def test_a_plan_says_that_it_has_weights_and_which_calls_it_guides(mine: Path) -> None:
    assert "every:3 k=0 weights guided 0-29" in accel("profiles", "./lab.toml", cwd=mine).stdout


def test_as_json_it_is_the_whole_profile(mine: Path) -> None:
    document = json.loads(accel("profiles", "./lab.toml", "--json", cwd=mine).stdout)

    assert document["here"] is False
    assert document["configs"]["every3-50"]["expected"]["speedup"] == {
        "kind": "predicted",
        "value": 2.1,
        "formula": "flop-share",
    }


def test_errors_are_one_line(mine: Path) -> None:
    write(mine, TEXT.replace("width = 512", 'width = "wide"'))

    assert_refused(
        accel("profiles", "lab", cwd=mine),
        'configs.full-50.width: expected an int of 8 to 16384, a multiple of 8, got "wide"',
        code=2,
    )
    assert_refused(accel("profiles", "mi2500", cwd=mine), "did you mean mi250?", code=2)
