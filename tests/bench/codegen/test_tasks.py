"""Requests, and the configs that meet them."""

from pathlib import Path

import pytest
from tests.bench.codegen.shelf import RIGHT, config, write_profile

from accel_bench.codegen.tasks import Task, candidates, find, read_tasks, search_command
from accel_bench.codegen.tasks.read import parse_sentence
from accel_bench.profiles.files import FOLDER_VARIABLE
from accel_runtime.errors import InputError

WRONG = [
    ('id = "fast"\n', "", "task.0.id: expected a string, got nothing"),
    (
        '"fast"',
        '"../fast"',
        'task.0.id: expected an id of lower-case letters and digits, joined by - or ., got "../fast"',
    ),
    ('"soon"', '"fast"', 'task.1.id: expected a unique id, got "fast" again'),
    ("steps = 50\n", "", "task.0.steps: expected pipe, sched, steps and a target, or text alone, got nothing"),
    ("steps = 50", "steps = 0", "task.0.steps: expected an int of 1 to 1000, got 0"),
    ("speedup = 2.0", "speedup = 0", "task.0.speedup: expected a number above 0, got 0"),
    ("speedup = 2.0", "speedup = inf", "task.0.speedup: expected a finite number, got inf"),
    ("speedup = 2.0", "speed = 2.0", 'got "speed": did you mean speedup?'),
    ("speedup = 2.0", "", "task.0: expected one of speedup and seconds, got neither"),
    ("speedup = 2.0", "speedup = 2.0\nseconds = 1", "task.0: expected one of speedup and seconds, got both"),
    (
        "speedup = 2.0",
        "seconds = 1",
        "task.0.device: expected the profile of the device that the seconds are for, got nothing",
    ),
    ("speedup = 2.0", 'speedup = 2\ndevice = "mi2500"', 'got "mi2500": did you mean mi250?'),
    ("on MI250", "on MI2500", "task.1.device: expected one of the profiles a100"),
    ("within 1.5 s", "quickly", "task.1.text: expected 'take an SD1.5 pipeline"),
    ("(DDIM,", "(Foo,", "task.1.text: expected 'take an SD1.5 pipeline"),
    ("= 0.02", "= 0.02\nsteps = 50", "task.1.steps: expected nothing, as text already gives it, got 50"),
    ("= 0.02", '= 0.02\ndevice = "cpu"', 'task.1.device: expected the text\'s, "mi250", got "cpu"'),
    ("= 0.02", "= 2", "task.1.max_score_loss: expected a number of 0 to 1, got 2"),
    ("[[task]]", "[task]", "expected TOML, got"),
]


def write(folder: Path, text: str) -> Path:
    path = folder / "tasks.toml"
    path.write_text(text)
    return path


def test_a_request_is_its_parts_or_a_sentence(tmp_path: Path) -> None:
    assert read_tasks(write(tmp_path, RIGHT)) == (
        Task("fast", "sd15", "ddim", 50, max_score_loss=0.05, speedup=2.0),
        Task("soon", "sd15", "ddim", 50, max_score_loss=0.02, seconds=1.5, device="mi250"),
    )


@pytest.mark.parametrize(("old", "new", "message"), WRONG, ids=[message for _, _, message in WRONG])
def test_what_is_wrong_is_one_line_with_file_and_key(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert old in RIGHT
    path = write(tmp_path, RIGHT.replace(old, new, 1))

    with pytest.raises(InputError) as refused:
        read_tasks(path)

    assert message in str(refused.value)
    assert str(refused.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "Please take an SD1.5 pipeline (DDIM, 50 steps) as the baseline\nand achieve a 10.5× speedup.",
            {"pipe": "sd15", "sched": "ddim", "steps": 50, "speedup": 10.5},
        ),
        (
            (
                "Take a Stable Diffusion 1.5 pipeline (DPMSolverMultistepScheduler, 20 steps) as the baseline "
                "and reach a latency within 0.75 seconds on H100"
            ),
            {"pipe": "sd15", "sched": "dpmpp_2m", "steps": 20, "seconds": 0.75, "device": "h100"},
        ),
        ("take an SD1.5 pipeline (DDIM, 50 steps) as the baseline and achieve a 2.0x speed-up on a budget", None),
        ("take an SDXL pipeline (DDIM, 50 steps) as the baseline and achieve a 2x speed-up", None),
        ("take an SD1.5 pipeline as the baseline and achieve a 2x speed-up", None),
    ],
)
def test_two_forms_of_sentence_are_read_and_no_other(text: str, parts: object) -> None:
    assert parse_sentence(text) == parts


# speed-up, kind, score loss, seconds
SHELF = {
    "predicted": config(speedup=3.0, kind="predicted"),
    "published": config(speedup=2.5, kind="published", loss=0.001),
    "lossy": config(speedup=4.0, kind="measured", loss=0.2),
    "unknown": config(speedup=2.2, kind="measured"),
    "known": config(speedup=2.1, kind="measured", loss=0.03, seconds=1.4),
    "better": config(speedup=2.0, kind="measured", loss=0.01, seconds=1.6),
    "other-steps": config(speedup=9.0, kind="measured", baseline="full-20"),
    "other-model": config(speedup=9.0, kind="measured", model="tiny", baseline="full-tiny"),
    "batch": config(speedup=1.1, kind="measured", seconds=0.5, batch=8, baseline="full-batch"),
}


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (Task("w", "sd15", "ddim", 50, max_score_loss=0.05, speedup=2.0), "better"),
        (Task("w", "sd15", "ddim", 50, max_score_loss=0.05, speedup=2.1), "known"),
        (Task("w", "sd15", "ddim", 50, max_score_loss=0.02, speedup=2.1), "unknown"),
        (Task("w", "sd15", "ddim", 50, max_score_loss=0.05, speedup=2.3), "published"),
        (Task("w", "sd15", "ddim", 50, max_score_loss=0.0, speedup=2.3), "predicted"),
        (Task("w", "sd15", "ddim", 50, max_score_loss=0.2, speedup=4.0), "lossy"),
        (Task("w", "sd15", "ddim", 50, max_score_loss=0.05, speedup=4.0), None),
        (Task("w", "sd15", "pndm", 50, max_score_loss=0.05, speedup=2.0), None),
        (Task("w", "sd15", "ddim", 20, max_score_loss=0.05, speedup=2.0), "other-steps"),
        (Task("w", "tiny", "ddim", 50, max_score_loss=0.05, speedup=2.0), "other-model"),
        (Task("w", "sd15", "ddim", 50, max_score_loss=0.05, seconds=1.5, device="shelf"), "known"),
        (Task("w", "sd15", "ddim", 50, max_score_loss=0.05, seconds=1.6, device="shelf"), "better"),
        (Task("w", "sd15", "ddim", 50, max_score_loss=0.05, seconds=1.0, device="shelf"), None),
    ],
)
def test_the_best_evidence_comes_first_and_then_the_least_loss(
    task: Task, expected: str | None, tmp_path: Path
) -> None:
    path = write_profile(tmp_path, SHELF)

    found = find(task, candidates(str(path)))

    assert (found and found.choice.name) == expected


def test_without_a_device_all_profiles_are_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    write_profile(tmp_path, SHELF)
    task = Task("w", "sd15", "ddim", 50, max_score_loss=0.05, speedup=2.0)

    found = find(task, candidates(None))

    assert found is not None
    assert (found.choice.profile.name, found.choice.name) == ("shelf", "better")
    assert len(candidates(None)) > len(candidates("shelf"))


def test_the_search_that_is_proposed_says_all_that_the_request_does() -> None:
    fast = Task("fast", "sd15", "ddim", 50, max_score_loss=0.05, speedup=2.0)
    soon = Task("soon", "sd15", "ddim", 50, max_score_loss=0.02, seconds=1.5, device="mi250")

    assert " ".join(search_command(fast, profile=Path("fast.toml"))) == (
        "accel search --model sd15 --scheduler ddim --steps 50 --search-targets deepcache,steps,guidance,tome,tgate "
        "--num-prompts 32 --batch 8 --req-speedup 2 --req-score-loss 0.05 --score emoji-clip "
        "--output fast-search --write-profile fast.toml"
    )
    assert "--req-time 1.5 --req-score-loss 0.02" in " ".join(search_command(soon, profile=Path("soon.toml")))
