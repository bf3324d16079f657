"""A profile or a file of tasks from anyone is read, or refused in one line, in time that its length bounds."""

from pathlib import Path
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bench.profiles.minimal import TEXT
from tests.command import accel, assert_refused

from accel_bench.codegen.tasks import read_tasks
from accel_bench.doctor.devices import Device
from accel_bench.profiles import load_profile, matches
from accel_bench.profiles.files import parse_profile
from accel_bench.profiles.names import is_name, is_named
from accel_runtime.errors import AccelError, InputError

DIGITS = "9" * 5000
DEEP = 100_000
NAMES = "names = ['MI250']"
# What replaces a line of a sound profile.
HOSTILE = {
    "an int of 5,000 digits": ("steps = 50", f"steps = {DIGITS}"),
    "a hexadecimal of 5,000 digits": ("steps = 50", f"steps = 0x{'f' * 5000}"),
    "a float of 5,000 digits": ("guidance = 7.5", f"guidance = {DIGITS}.0"),
    "a float from an int": ("guidance = 7.5", f"guidance = 0x{'f' * 300}"),
    "an id of 2^80": ("0x740c", str(2**80)),
    "lists in lists": (NAMES, f"names = {'[' * DEEP}{']' * DEEP}"),
    "tables in tables": (NAMES, f"names = {'{a=' * DEEP}1{'}' * DEEP}"),
    "a key of many parts": (NAMES, f"names = []\n{'.'.join('a' * DEEP)} = 1"),
    "a key of many quoted parts": (NAMES, f"names = []\n{' . '.join([chr(34) * 2] * DEEP)} = 1"),
    "a table of many parts": ("[sources.paper]", f"[{'.'.join('a' * DEEP)}]\n[sources.paper]"),
    "an expression that hangs": (NAMES, "names = ['(a+)+$']"),
    "an expression that is too large": (NAMES, "names = ['x{99999999999}']"),
    "an expression that is too deep": (NAMES, f"names = ['{'(' * 10_000}x{')' * 10_000}']"),
    "a long name": (NAMES, f"names = ['{'a*' * 10_000}']"),
    "a call of 5,000 digits": ("7 = [1.4, -0.4]", f"{DIGITS} = [1.0]"),
    "a deep call of 5,000 digits": ('plan.deep = "every:3"', f"plan.deep = [0, {DIGITS}]"),
    "guided calls of 5,000 digits": ("plan.guided_calls = [0, 29]", f"plan.guided_calls = [0, {DIGITS}]"),
    "a plan of 5,000 digits": ('plan.deep = "every:3"', f'plan.deep = "every:{DIGITS}"'),
    "pictures of 10^9 pixels": ("width = 512", "width = 1000000000"),
    "10^9 pictures": ("batch = 1", "batch = 1000000000"),
    "a long id": ("[configs.full-50]", f"[configs.{'a' * 5000}]"),
    "half of a character": ('title = "A paper"', 'title = "\\ud800"'),
    "no UTF-8": ('title = "A paper"', 'title = "\udcff"'),
}
SENTENCE = "take an SD1.5 pipeline (DDIM, {} steps) as the baseline and achieve a {}x speed-up"
TASKS = {
    "steps of 5,000 digits": f'text = "{SENTENCE.format(DIGITS, 2)}"',
    "a speed-up of 5,000 digits": f'text = "{SENTENCE.format(50, DIGITS)}"',
    "a sentence without end": f'text = "{"a " * 100_000}"',
    "an int of 5,000 digits": f"steps = {DIGITS}",
    "tables in tables": f"text = {'{a=' * DEEP}1{'}' * DEEP}",
    "a device of no path": 'pipe = "sd15"\nsched = "ddim"\nsteps = 50\nseconds = 1.0\ndevice = "a\\u0000.toml"',
}
LINES = TEXT.splitlines()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_profile_is_one_line(name: str, tmp_path: Path) -> None:
    right, wrong = HOSTILE[name]
    assert right in TEXT
    (tmp_path / "lab.toml").write_bytes(TEXT.replace(right, wrong).encode(errors="surrogateescape"))

    started = perf_counter()
    done = accel("profiles", "lab.toml", cwd=tmp_path)

    assert_refused(done, "lab.toml: ", code=2)
    assert len(done.stderr) < 2000
    assert perf_counter() - started < 5


@pytest.mark.parametrize("name", TASKS)
def test_hostile_tasks_are_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "tasks.toml").write_text(f'[[task]]\nid = "a"\n{TASKS[name]}\n')

    started = perf_counter()
    done = accel("codegen", "--tasks", "tasks.toml", cwd=tmp_path)

    assert_refused(done, "", code=2)
    assert len(done.stderr) < 2000
    assert perf_counter() - started < 5


def test_an_error_is_found_in_time_among_as_many_entries_as_a_file_can_have(tmp_path: Path) -> None:
    path = tmp_path / "lab.toml"
    sources = "".join(f"a{place} = {{ title = '' }}\n" for place in range(10_000))
    weights = "".join(f"{place} = [1.0]\n" for place in range(1999))
    text = TEXT.replace("[sources.paper]", f"[sources]\n{sources}[sources.paper]")
    path.write_text(f"{text}\n[configs.full-50.plan.weights]\n{weights}1999 = ['one']\n")

    started = perf_counter()
    with pytest.raises(InputError, match=r"weights\.1999\.0: expected a number"):
        load_profile(path)

    assert perf_counter() - started < 10


def test_a_file_that_is_larger_than_any_profile_is_not_parsed(tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text(TEXT + "#" * 2**20)

    with pytest.raises(InputError, match=r"lab\.toml: expected at most 524288 bytes"):
        load_profile(tmp_path / "lab.toml")


junk = st.sampled_from(
    ["", "[", "]", "=", "'", '"', "{", "}", "\\", "#", "\x00", "-1", "1e999", "nan", "true", "[[a]]"]
)


@given(st.integers(0, len(LINES) - 1), st.integers(0, 40), junk, st.booleans())
def test_a_changed_profile_is_read_or_refused(line: int, place: int, insert: str, cut: bool) -> None:  # noqa: FBT001
    lines = [*LINES]
    lines[line] = lines[line][:place] + insert + ("" if cut else lines[line][place:])
    refusal = read_or_line("\n".join(lines))

    assert refusal == "" or (refusal.startswith("lab.toml: ") and "\n" not in refusal)


def read_or_line(text: str) -> str:
    """What is said of a profile; nothing where it is one, and can be compared with a device."""
    try:
        profile = parse_profile(text, file="lab.toml", name="lab")
    except AccelError as error:
        return str(error)
    matches(profile.device, Device("amd", "AMD Instinct MI250", 2**36, "gfx90a", {}))
    return ""


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_name_is_looked_for_in_any_other(device: str, name: str) -> None:
    assert is_named(device, name) in (True, False)
    if is_name(name) and "*" not in name:
        assert is_named(name, name)


@pytest.mark.parametrize(
    ("device", "name", "named"),
    [
        ("AMD Instinct MI250X / MI250", "MI250", True),
        ("AMD Instinct MI250X", "MI250", False),
        ("NVIDIA GH200 480GB", "H200", False),
        ("NVIDIA H100 80GB HBM3", "h100 80gb hbm3", True),
        ("NVIDIA H100 80GB HBM3", "H100 HBM3", False),
        ("NVIDIA H100-SXM5-80GB", "H100 SXM*", True),
        ("NVIDIA H100 PCIe", "H100 SXM*", False),
        ("NVIDIA H100", "H100 80GB HBM3 and more than there is", False),
    ],
)
def test_a_device_is_told_by_whole_words_that_stand_together(device: str, name: str, named: bool) -> None:  # noqa: FBT001
    assert is_named(device, name) is named


def test_tasks_that_are_not_there_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_tasks(tmp_path / "none.toml")
