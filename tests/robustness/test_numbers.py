"""Numbers that no machine can hold, or that are none, are one line at once, wherever a command takes a number."""

from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import pytest
from tests.command import accel, assert_refused

from accel_bench.cli.app import app
from accel_runtime.errors import InputError
from accel_runtime.request import Request

MANY, DIGITS = str(10**9), "9" * 5000
GENERATE = ("generate", "BUNDLE", "a")
BENCH = ("bench", "BUNDLE", "-o", "record.json")
EVALUATE = ("evaluate", "BUNDLE", "-o", "record.json")
SEARCH = ("search", "BUNDLE", "-o", "found", "--score", "psnr", "--req-score-loss", "0.9")
SIZES = ("--height", "--width", "--images-per-prompt", "--steps")
COMMANDS: tuple[tuple[str, ...], ...] = (
    *((*GENERATE, option, value) for option in SIZES for value in (MANY, DIGITS, "0")),
    *((*GENERATE, option, value) for option in ("--guidance", "--guidance-rescale") for value in ("nan", "1e308")),
    *((*GENERATE, "--seed", value) for value in (str(2**64), DIGITS)),
    *((*GENERATE, "--plan", plan) for plan in (f"every:{DIGITS}", f"calls:0,{DIGITS}")),
    (*GENERATE, "--guided-calls", f"0-{DIGITS}"),
    *((*BENCH, option, MANY) for option in ("--height", "--width", "--batch", "--steps", "--branch", "--threads")),
    (*BENCH, "--target-error", f"{DIGITS}%"),
    *((*EVALUATE, option, MANY) for option in ("--num-prompts", "--batch", "--steps", "--branch", "--threads")),
    *((*SEARCH, option, MANY) for option in ("--num-prompts", "--batch", "--calibration", "--steps", "--threads")),
    *(("schedules", "add", "BUNDLE", "ddim", "--steps", steps) for steps in (MANY, f"1-{DIGITS}")),
    *(("export", "tiny", "--static", option, MANY) for option in ("--height", "--width", "--batch")),
    ("export", "tiny", "--max-steps", MANY),
    ("bench", "scenario", "BUNDLE", "-o", "record.json", "--scenario", "offline", "--batch", MANY),
)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words)[:60])
def test_a_number_out_of_range_is_one_line(words: tuple[str, ...], bundle_folder: Path, tmp_path: Path) -> None:
    started = perf_counter()
    done = accel(*(bundle_folder if word == "BUNDLE" else word for word in words), cwd=tmp_path)

    assert_refused(done, "", code=2)
    assert perf_counter() - started < 10
    assert [*tmp_path.iterdir()] == []


@pytest.fixture
def hungry() -> Iterator[str]:
    """A command that asks for more memory than there is."""

    def take() -> None:
        bytearray(2**60)

    app.command("take")(take)
    yield "take"
    app.registered_commands.pop()


def test_memory_that_is_not_there_is_one_line(hungry: str, tmp_path: Path) -> None:
    assert_refused(accel(hungry, cwd=tmp_path), "memory is short", code=1)


def test_a_prompt_that_is_half_a_character_is_refused() -> None:
    with pytest.raises(InputError, match=r"prompt 'a\\udcff': expected Unicode text"):
        Request(("a\udcff",))
    with pytest.raises(InputError, match="expected Unicode text"):
        Request(("a",), negatives=("\ud83d",))


def test_as_many_images_as_a_request_may_have_are_asked_for_one_by_one() -> None:
    with pytest.raises(InputError, match="images: expected 1 to 1000 at a time, got 1001"):
        Request(("a",) * 7, images_per_prompt=143)
    assert Request(("a",) * 1000).images == 1000
