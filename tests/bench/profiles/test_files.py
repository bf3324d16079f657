"""Where profiles are looked for."""

from pathlib import Path

import msgspec
import pytest
from tests.bench.profiles.minimal import TEXT, write
from tests.solved import solved_plan

from accel_bench.profiles import encode_profile, find_profiles, list_profiles, load_profile, user_folder
from accel_bench.profiles.files import FOLDER_VARIABLE, read_profile, shipped_folder
from accel_runtime.errors import InputError
from accel_runtime.plans.solved import SolvedFor

ROOT = Path(__file__).parents[3]


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return tmp_path


def test_in_a_checkout_they_are_at_its_root() -> None:
    assert shipped_folder() == ROOT / "profiles"


def test_in_a_wheel_they_are_beside_the_code(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "accel_bench"
    (package / "_profiles").mkdir(parents=True)

    assert shipped_folder(package) == package / "_profiles"


def test_a_profile_of_the_users_folder_has_a_name_as_those_that_are_shipped(mine: Path) -> None:
    write(mine)

    assert load_profile("lab").title == "The lab's card"
    assert [profile.name for profile in list_profiles()] == sorted([*find_profiles()])
    assert {"lab", "mi250", "cpu"} <= find_profiles().keys()


@pytest.mark.parametrize("spelling", ["lab.toml", "./lab.toml", "sub/../lab.toml"])
def test_a_path_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str) -> None:
    write(tmp_path)
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)

    assert load_profile(spelling).name == "lab"


@pytest.mark.usefixtures("mine")
def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(InputError, match=r'or the path of a .toml file, got "mi2500": did you mean mi250\?'):
        load_profile("mi2500")


def test_a_name_that_is_there_twice_is_refused(mine: Path) -> None:
    path = write(mine, TEXT.replace('name = "lab"', 'name = "mi250"'), name="mi250")

    with pytest.raises(InputError, match=r"profile mi250: expected one file, got .* and .*: rename yours") as refused:
        load_profile("mi250")
    assert str(path) in str(refused.value)
    assert load_profile(path).title == "The lab's card"


def test_the_users_folder_is_among_the_platforms_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)

    assert user_folder().parts[-2:] == ("accel", "profiles")
    assert user_folder().is_relative_to("/home/someone")


def test_a_plan_with_skipped_calls_is_written_and_read(mine: Path) -> None:
    spec = solved_plan(
        (0, 4, 8), shallow=(5,), solved_for=SolvedFor(model="7b" * 32, guidance=4.0, height=64, width=64)
    )
    lab = read_profile(write(mine))
    config = msgspec.structs.replace(lab.configs["every3-50"], plan=spec)
    path = mine / "lab.toml"
    path.write_bytes(encode_profile(msgspec.structs.replace(lab, configs={**lab.configs, "solved": config})))

    assert read_profile(path).configs["solved"].plan == spec
    assert "[configs.solved.plan.rows.4]" in path.read_text()


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        (
            "skip = [1, 2",
            "skip = [2",
            "configs.solved.plan.rows: expected a solved row for every call that runs, got none",
        ),
        ("a = [1.0]", 'a = ["x"]', "configs.solved.plan.rows.0.a.0: expected a number"),
        ("a = [1.0]", "a = []", "configs.solved.plan.rows.0.a: expected a list of 1 to 3, got an empty list"),
        ("a = [1.0]", "aa = [1.0]", 'rows.0.aa: expected one of the keys a, b, got "aa": did you mean a?'),
    ],
)
def test_what_is_wrong_with_solved_rows_is_named(mine: Path, right: str, wrong: str, message: str) -> None:
    lab = read_profile(write(mine))
    config = msgspec.structs.replace(lab.configs["every3-50"], plan=solved_plan((0, 4, 8)))
    text = encode_profile(msgspec.structs.replace(lab, configs={**lab.configs, "solved": config})).decode()
    assert right in text

    with pytest.raises(InputError) as refused:
        read_profile(write(mine, text.replace(right, wrong, 1)))
    assert message in str(refused.value)
