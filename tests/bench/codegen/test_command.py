"""`accel codegen`."""

import json
from pathlib import Path

import pytest
from tests.bench.codegen.shelf import config, write_profile
from tests.command import accel, accel_process, assert_refused

import accel_bench.cli.codegen as command
from accel_bench.cli.app import app
from accel_bench.codegen import Defaults, Target
from accel_bench.codegen.tasks import Task
from accel_bench.profiles.files import FOLDER_VARIABLE
from accel_runtime.errors import InputError

TASKS = """\
[[task]]
id = "can"
text = "take an SD1.5 pipeline (DDIM, 50 steps) as the baseline and achieve a 2.0× speed-up"
device = "mi250"

[[task]]
id = "cannot"
pipe = "sd15"
sched = "ddim"
steps = 50
seconds = 0.001
device = "mi250"
"""
ONE = ("--profile", "mi250", "--config", "sd15-b1-every3")


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder with tasks, one of which no profile meets, and a file that is in the way."""
    (tmp_path / "tasks.toml").write_text(TASKS)
    (tmp_path / "empty.toml").write_text("")
    (tmp_path / "there.py").write_text("mine")
    return tmp_path


def test_it_writes_the_script_of_one_config(lab: Path) -> None:
    done = accel("codegen", *ONE, "--prompt", 'a "cat"', "-o", "mine.py", cwd=lab)

    assert (done.returncode, done.stdout) == (0, "mine.py\n")
    assert "PROMPT = 'a \"cat\"'" in (lab / "mine.py").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "expected --profile and --config, which `accel profiles` lists, or --tasks"),
        (("--profile", "mi250"), "expected --profile and --config"),
        (("--profile", "mi2500", "--config", "x"), "did you mean mi250?"),
        (("--profile", "mi250", "--config", "sd15-b1-every4"), "config: expected one of sd15-b1-full"),
        ((*ONE, "-o", "there.py"), "there.py: exists already"),
        ((*ONE, "-o", "no/such/run.py"), "the folder no/such does not exist"),
        ((*ONE, "--search"), "--search is for --tasks"),
        ((*ONE, "--tasks", "tasks.toml"), "expected no --profile and --config beside it"),
        (("--tasks", "absent.toml"), "absent.toml: cannot be read: No such file or directory"),
        (("--tasks", "empty.toml"), "empty.toml: task: expected a list of 1 or more, got nothing"),
        (("--tasks", "tasks.toml", "-o", "there.py"), "there.py: expected a folder for the scripts"),
        (("--tasks", "tasks.toml", "-o", "no/such"), "no/such: expected a folder for the scripts"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    lab: Path, arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(lab)
    before = sorted(lab.rglob("*"))

    with pytest.raises(InputError) as refused:
        app(args=["codegen", *arguments], standalone_mode=False)

    assert message in str(refused.value)
    assert (lab / "there.py").read_text() == "mine"
    assert sorted(lab.rglob("*")) == before


def test_seconds_of_a_device_are_not_searched_for_on_another(lab: Path) -> None:
    done = accel("codegen", "--tasks", "tasks.toml", "-o", "out", "--search", cwd=lab)

    assert done.returncode == 1
    assert done.stderr.startswith("note: cannot: profile mi250 is for ")
    assert done.stderr.splitlines()[-1].startswith("accel: no config meets cannot")
    assert (lab / "out" / "can.py").exists()


def test_a_search_that_fails_leaves_the_request_without_a_config(lab: Path) -> None:
    tasks = (lab / "tasks.toml").read_text().replace('pipe = "sd15"', 'pipe = "no-such-model"')
    (lab / "tasks.toml").write_text(
        tasks.replace('seconds = 0.001\ndevice = "mi250"', 'seconds = 0.001\ndevice = "cpu"')
    )

    done = accel_process("codegen", "--tasks", "tasks.toml", "-o", "out", "--search", cwd=lab)

    assert done.returncode == 1
    assert "no-such-model" in done.stderr.splitlines()[0]
    assert done.stderr.splitlines()[-1].startswith("accel: no config meets cannot")


def test_tasks_that_a_profile_meets_become_scripts_and_the_others_a_search(lab: Path) -> None:
    done = accel("codegen", "--tasks", "tasks.toml", "-o", "out", "--json", cwd=lab)
    can, cannot = json.loads(done.stdout)

    assert done.returncode == 1
    assert done.stderr == "accel: no config meets cannot: run the search that is printed, or add --search\n"
    assert (can["config"], can["figure"]["kind"], can["score_loss"]) == ("sd15-b1-every3", "predicted", None)
    assert can["notes"] == [
        "the figure is predicted, not measured",
        "the score loss is not known, 0.05 may be exceeded",
    ]
    assert "Config sd15-b1-every3 of profile mi250" in (lab / can["script"]).read_text()
    assert cannot["script"] is None
    assert cannot["search"].endswith(
        "--req-time 0.001 --req-score-loss 0.05 --score emoji-clip "
        "--provider inductor-cuda --output out/cannot-search --write-profile out/cannot.toml"
    )
    assert [path.name for path in (lab / "out").iterdir()] == ["can.py"]


def test_for_people_a_line_says_what_the_script_is_based_on(lab: Path) -> None:
    done = accel("codegen", "--tasks", "tasks.toml", "-o", "out", cwd=lab)

    assert "can: out/can.py, config sd15-b1-every3 of mi250: 2.17 (predicted), score loss not known\n" in done.stdout
    assert "cannot: no config; run accel search --model sd15 --scheduler ddim --steps 50 " in done.stdout
    assert "note: can: the figure is predicted, not measured\n" in done.stderr


def test_scripts_that_are_there_are_kept(lab: Path) -> None:
    (lab / "out").mkdir()
    (lab / "out" / "can.py").write_text("mine")

    again = accel("codegen", "--tasks", "tasks.toml", "-o", "out", cwd=lab)

    assert_refused(again, "out/can.py: exists already")
    assert (lab / "out" / "can.py").read_text() == "mine"


def test_what_a_search_writes_becomes_a_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search is stood in for: what is tested is that its profile is read, and that its failure is no config."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    tasks = tuple(Task(name, "sd15", "ddim", 50, max_score_loss=0.05, speedup=50.0) for name in ("hard", "harder"))

    def search(words: tuple[str, ...]) -> int:
        if words[-1].endswith("harder.toml"):
            return 1
        write_profile(tmp_path / "out", {"new": config(speedup=51.0, loss=0.01)}, name="hard")
        return 0

    monkeypatch.setattr(command, "run_search", search)
    answers = command._answer_all(
        tasks, tmp_path / "out", target=Target.RUNTIME, defaults=Defaults(), force=False, search=True
    )

    assert [(each.profile, each.config, each.search is None) for each in answers] == [
        ("hard", "new", True),
        (None, None, False),
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["hard.py", "hard.toml"]
