"""Every error of a profile is one line: file, key, expected, got."""

import tomllib
from collections.abc import Iterator
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import pytest
from tests.bench.profiles.minimal import TEXT, write

from accel_bench.profiles import Profile, load_profile
from accel_bench.profiles.checks import find_problems
from accel_bench.profiles.toml import convert, dotted
from accel_runtime.errors import InputError

STEPS = "plan.steps = 50\n"
DEEP = 'plan.deep = "every:3"'
SPEEDUP = 'expected.speedup = { kind = "predicted", value = 2.1, formula = "flop-share" }'

WRONG = [
    # Types and bounds
    (STEPS, 'plan.steps = "fifty"\n', 'configs.full-50.plan.steps: expected an int of 1 to 1000, got "fifty"'),
    (
        STEPS,
        "plan.steps = 1_000_000_000_000\n",
        "configs.full-50.plan.steps: expected an int of 1 to 1000, got 1000000000000",
    ),
    (STEPS, "plan.steps = 0\n", "configs.full-50.plan.steps: expected an int of 1 to 1000, got 0"),
    (STEPS, "plan.steps = true\n", "configs.full-50.plan.steps: expected an int of 1 to 1000, got true"),
    (STEPS, "plan.steps = 2026-11-21\n", 'configs.full-50.plan.steps: expected an int of 1 to 1000, got "2026-11-21"'),
    ("width = 512", "width = 500", "configs.full-50.width: expected an int of 8 to 16384, a multiple of 8, got 500"),
    ("guidance = 7.5", "guidance = -1", "configs.full-50.guidance: expected a number of 0 or more, got -1"),
    ("guidance = 7.5", "guidance = nan", "configs.full-50.guidance: expected a finite number, got nan"),
    ("value = 1.6e12", "value = inf", "device.bandwidth.value: expected a finite number, got inf"),
    ("value = 1.6e12", "value = 0", "device.bandwidth.value: expected a number above 0, got 0"),
    ('dtype = "fp16"', 'dtype = "half"', 'configs.full-50.dtype: expected one of bf16, fp16, fp32, got "half"'),
    (
        'plan.forecast = "linear"',
        'plan.forecast = "cubic"',
        'configs.every3-50.plan.forecast: expected one of hold, linear, quadratic, got "cubic"',
    ),
    ("format = 2", "format = 3", "format: expected 2, got 3"),
    ("format = 2", "format = 1", "stand in a config's plan (docs/profiles.md), got 1"),
    ('model = "sd15"', "model = {}", "configs.full-50.model: expected a string, got a table"),
    ("[0x740c]", '["740c"]', 'device.marks.pci_ids.0: expected an int of 1 or more, got "740c"'),
    ("[0x740c]", "7", "device.marks.pci_ids: expected a list, got 7"),
    ('enable = "1"', "enable = 1", "backends.0.options.tunable_op_enable: expected a string, got 1"),
    ("[1.4, -0.4]", '[1.4, "b"]', 'every3-50.plan.weights.7.1: expected a number of -1e+06 to 1e+06, got "b"'),
    # Keys
    (
        STEPS,
        "plan.step = 50\n",
        'guided_calls, scheduler, steps, solved_for, rule, tome, tgate, got "step": did you mean steps?',
    ),
    ("batch = 1", "batch = 1\nbach = 1", 'note, got "bach": did you mean batch?'),
    (STEPS, "", "configs.full-50.plan.steps: expected a number of steps, got nothing"),
    ('title = "The lab\'s card"', "", "title: expected a string, got nothing"),
    ("[sources.paper]", "[source.paper]", 'configs, note, got "source": did you mean sources?'),
    (
        '[[backends]]\nprovider = "rocm"\noptions = { tunable_op_enable = "1" }',
        "",
        "backends: expected a list of 1 or more, got nothing",
    ),
    # Figures and where they are from
    (
        'kind = "published"',
        'kind = "guessed"',
        "expected.latency_s.kind: expected one of measured, predicted, published",
    ),
    (
        'kind = "published", ',
        "",
        "expected.latency_s.kind: expected one of measured, predicted, published, got nothing",
    ),
    (
        ', source = "paper" }\n\n[configs.every',
        " }\n\n[configs.every",
        "latency_s.source: expected a string, got nothing",
    ),
    (
        '"published", value = 2.2, source',
        '"measured", value = 2.2, machine',
        "latency_s.record: expected a string, got nothing",
    ),
    (
        '"published", value = 2.2, source = "paper"',
        '"measured", value = 2.2, record = "", machine = "m"',
        'configs.full-50.expected.latency_s.record: expected a name, got ""',
    ),
    ("value = 2.2", "value = -2.2", "configs.full-50.expected.latency_s.value: expected a number above 0, got -2.2"),
    (
        'value = 2.2, source = "paper"',
        'value = 2.2, source = "papers"',
        'full-50.expected.latency_s.source: expected one of the sources paper, got "papers": did you mean paper?',
    ),
    (
        'value = 181e12, source = "paper"',
        'value = 181e12, source = "x"',
        "device.peak_flops.fp16.source: expected one of",
    ),
    # Plans
    (DEEP, 'plan.deep = "evry:3"', "configs.every3-50.plan.deep: expected full, every:N with N ≥ 1, or numbers of"),
    (DEEP, 'plan.deep = "every:0"', "configs.every3-50.plan.deep: expected full, every:N with N ≥ 1, or numbers of"),
    (DEEP, 'plan.deep = "calls:0,9"', "configs.every3-50.plan.deep: expected full, every:N with N ≥ 1, or numbers of"),
    (DEEP, "plan.deep = [3, 9]", "configs.every3-50.plan.deep: the first call must be deep"),
    (DEEP, "plan.deep = [0, 9, 9]", "configs.every3-50.plan.deep: expected ascending numbers, each once"),
    (DEEP, "plan.deep = [0, 3, 100]", "configs.every3-50.plan: expected calls below 100, the most that 50 steps make"),
    (DEEP, 'plan.deep = [0, "9"]', 'configs.every3-50.plan.deep.1: expected an int of 0 or more, got "9"'),
    (DEEP, "", "configs.every3-50.plan.deep: expected a string or a list, got nothing"),
    ("7 = [1.4, -0.4]", "6 = [1.4, -0.4]", "plan.weights.6: expected the number of a shallow call as key"),
    (
        "7 = [1.4, -0.4]",
        "1 = [1.4, -0.4]",
        "plan.weights.1: expected 1 to 1 weights, of the deep features before it, got 2",
    ),
    ("7 = [1.4, -0.4]", "x = [1.4]", 'plan.weights: expected numbers of calls as keys, got "x"'),
    ("7 = [1.4, -0.4]", "100 = [1.4]", "configs.every3-50.plan: expected calls below 100, the most that 50 steps"),
    ('plan.scheduler = "ddim"\n', "", "configs.full-50.plan.scheduler: expected the name of a scheduler, got nothing"),
    # Guided calls
    (STEPS, f"{STEPS}plan.guided_calls = [29]\n", "plan.guided_calls: expected a list of 2, got a list"),
    (STEPS, f"{STEPS}plan.guided_calls = [9, 0]\n", "plan.guided_calls: expected a first and a last call, got 9 and 0"),
    (STEPS, f"{STEPS}plan.guided_calls = [0, 100]\n", "full-50.plan: expected calls below 100, the most that 50 steps"),
    (
        STEPS,
        f"{STEPS}plan.guided_calls = [0, 29]\n",
        "baseline: expected a config that guides every call, got full-50, with guided_calls [0, 29]",
    ),
    # Names that must exist
    (
        'baseline = "full-50"',
        "",
        "configs.every3-50.baseline: expected the id of the config that speedup compares with",
    ),
    (
        'baseline = "full-50"',
        'baseline = "full"',
        'expected another config, full-50, got "full": did you mean full-50?',
    ),
    ('baseline = "full-50"', 'baseline = "every3-50"', "configs.every3-50.baseline: expected another config, full-50"),
    (
        'plan.deep = "full"',
        'plan.deep = "every:2"',
        "baseline: expected a config of plan full, got full-50, of plan every:2",
    ),
    ("batch = 1", "batch = 4", "configs.every3-50.batch: expected the baseline's, got 1, and its baseline has 4"),
    ('provider = "rocm"', 'provider = "rocmm"', "backends.0.provider: expected one of cpu, cuda, rocm"),
    ('provider = "rocm"', 'provider = "inductor:0"', "backends.0.provider: expected one of"),
    ('provider = "rocm"', 'provider = "openvino:"', "backends.0.provider: expected one of"),
    ('provider = "rocm"', 'provider = "rocm:0"', "backends.0.provider: expected one of"),
    ("tunable_op_enable", "tunable_enable", 'got "tunable_enable": did you mean tunable_op_enable?'),
    (
        'provider = "rocm"',
        'provider = "inductor"',
        "backends.0.options: expected one of inductor's options (there are none)",
    ),
    ("'MI250'", r"'\bMI250'", "device.marks.names.0: expected words of the driver's name"),
    ("names = ['MI250']\npci_ids = [0x740c]\n", "", "device.marks: expected names or pci_ids"),
    (
        "[configs.full-50]",
        "[configs.Full]",
        'configs: expected an id of lower-case letters and digits, joined by - or ., got "Full"',
    ),
    ('name = "lab"', 'name = "mine"', 'name: expected the file\'s name, "lab", got "mine"'),
    # The file itself
    (STEPS, "plan.steps = \n", "expected TOML, got: Invalid value"),
    ("[configs.every3-50]", "[configs.full-50]", "expected TOML, got: Cannot declare ('configs', 'full-50') twice"),
]


@pytest.mark.parametrize(("right", "wrong", "message"), WRONG)
def test_what_is_wrong_is_named(tmp_path: Path, right: str, wrong: str, message: str) -> None:
    assert right in TEXT
    path = write(tmp_path, TEXT.replace(right, wrong, 1))

    with pytest.raises(InputError) as refused:
        load_profile(path)

    assert str(refused.value).startswith(f"{path}: ")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_entry_of_a_table_that_is_wrong_is_found_among_right_ones(tmp_path: Path) -> None:
    first, second = TEXT.split("[configs.every3-50]\n")
    path = write(tmp_path, first + "[configs.every3-50]\n" + second.replace(STEPS, "plan.steps = -3\n"))

    with pytest.raises(InputError, match=r"configs\.every3-50\.plan\.steps: expected an int of 1 to 1000, got -3"):
        load_profile(path)


JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    0.5,
    "",
    "\n",
    "a - at `$.x`",
    [],
    [[]],
    {},
    {"a": {}},
    {"kind": "measured"},
    [{"a": 1}],
)


def places(table: Any, keys: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something lies in nested tables and lists."""
    entries = table.items() if isinstance(table, dict) else enumerate(table) if isinstance(table, list) else ()
    for key, value in entries:
        yield (*keys, key)
        yield from places(value, (*keys, key))


def problems(raw: dict[str, Any]) -> list[str]:
    """The keys that are wrong."""
    try:
        return [dotted(problem.keys) for problem in find_problems(convert(raw, Profile, file="F"))]
    except InputError as error:
        return [str(error).split(": ")[1]]


@pytest.mark.parametrize("keys", places(tomllib.loads(TEXT)), ids=str)
def test_whatever_lies_anywhere_the_error_names_the_place(keys: tuple[Any, ...]) -> None:
    named = []

    for junk in JUNK:
        raw = tomllib.loads(TEXT)
        parent = reduce(getitem, keys[:-1], raw)
        if junk is None:
            del parent[keys[-1]]
        else:
            parent[keys[-1]] = junk
        named += problems(raw)

    assert any(name.startswith(dotted([str(key) for key in keys])) for name in named)


@pytest.mark.parametrize("key", ["a.b", "a`b", "[0]", "[...]", "a - at `$.x`", "a\nb", ""])
def test_a_key_of_any_spelling_is_found(key: str) -> None:
    raw = tomllib.loads(TEXT)
    raw["configs"][key] = {**raw["configs"]["full-50"], "width": "fifty"}

    assert problems(raw) == [dotted(("configs", key, "width"))]


def test_of_two_entries_with_one_error_the_first_is_named_whole() -> None:
    raw = tomllib.loads(TEXT)
    for name in ("full-50", "every3-50"):
        raw["configs"][name]["plan"]["weights"] = {"7": [1.0], "8": ["one"]}

    assert problems(raw) == ["configs.full-50.plan.weights.8.0"]


def test_a_profile_without_backends_is_refused(tmp_path: Path) -> None:
    head, rest = TEXT.split("[[backends]]")
    path = write(tmp_path, f"backends = []\n{head}{rest[rest.index('[sources') :]}")

    with pytest.raises(InputError, match="backends: expected a list of 1 or more, got an empty list"):
        load_profile(path)


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "lab.toml"
    binary.write_bytes(b"\xff\xfe")

    with pytest.raises(InputError, match="expected TOML, got: 'utf-8' codec"):
        load_profile(binary)
    with pytest.raises(InputError, match="cannot be read: No such file or directory"):
        load_profile(tmp_path / "other.toml")
