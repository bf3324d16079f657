"""A record from anyone is refused in one line, or reported, compared and traced: nothing in between."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.bench.report import records as drawn
from tests.bench.report import search_records
from tests.test_layering import ROOT

from accel_bench.benchmark.compare import compare, comparison_lines
from accel_bench.benchmark.roofline import limit_s
from accel_bench.benchmark.summary import summarise
from accel_bench.benchmark.table import footer, heading, tables
from accel_bench.cli.console import print_table
from accel_bench.doubts import scenario_doubts
from accel_bench.records.bench import BenchRecord, Peaks
from accel_bench.records.scenario import ScenarioRecord
from accel_bench.records.search import SearchRecord
from accel_bench.records.store import Record, _id_of, read_record
from accel_bench.report.page import render_report
from accel_bench.scenarios.summary import essentials, summarise_scenarios
from accel_bench.scenarios.table import scenario_table
from accel_bench.search.summary import summarise_search
from accel_bench.search.table import footer as search_footer
from accel_bench.search.table import front_table
from accel_bench.trace.write import make_trace
from accel_runtime.errors import AccelError, InputError

KINDS = ("bench", "evaluation", "search", "scenario")
CHANGES = 150
# What any place of a record may hold instead.
JUNK: tuple[Any, ...] = (
    *(None, True, 0, 1, -1, 2, 10**9, 2**62, 2**63, 10**400, 0.0, -0.0, 0.5, 1e-9, 5e-324, 1e-12, 1e300, 1e308, -1e308),
    *("", "x", "[/x]\x1b]52;c;", "unet_deep", "\n", "<script>", "calls:0", "clip", "1" * 5000),
    *([], {}, [[]], [None], {"": 0}, [0, 0, 0], {"deep": 1}, [1e300] * 3, ["a", 0.0, 0.0]),
)


def bench() -> BenchRecord:
    """With a peer and peaks beside what it always has, in three rounds."""
    peer = drawn.peer_run()
    plans = tuple(drawn.plan_run(facts, rounds=drawn.ROUNDS[:3]) for facts in (drawn.FULL, drawn.CACHED))
    peaks = Peaks({"float32": 1e5}, 1e5, "a sheet")
    peers = (msgspec.structs.replace(peer, images=peer.images[:3]),)
    return drawn.bench_record(plans=plans, peers=peers, peaks=peaks, yardstick_s=(0.1, 0.1, 0.1))


@cache
def sound(kind: str) -> bytes:
    """A small record of the kind as JSON."""
    if kind == "scenario":
        document = json.loads((ROOT / "docs" / "records" / "scenario-server.json").read_text())
        for run in document["runs"]:
            run["queries"] = run["queries"][:4]
        return msgspec.json.encode(document)
    if kind == "search":
        return msgspec.json.encode(search_records.search_record())
    return msgspec.json.encode(bench() if kind == "bench" else drawn.evaluation_record())


def sealed(document: Any, folder: Path) -> Path:
    """The document as a file, with the id that its content gives."""
    path = folder / "record.json"
    path.write_bytes(msgspec.json.encode(document | {"id": _id_of(document)}))
    return path


def places(document: Any, keys: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something lies in nested objects and arrays."""
    if isinstance(document, (dict, list)):
        for key in document if isinstance(document, dict) else range(len(document)):
            yield (*keys, key)
            yield from places(document[key], (*keys, key))


@cache
def kinds_of_places(kind: str) -> tuple[tuple[tuple[Any, ...], ...], ...]:
    """The places of a sound record, those together that differ in numbers of elements alone."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for keys in places(json.loads(sound(kind))):
        found.setdefault(".".join("*" if isinstance(key, int) else key for key in keys), []).append(keys)
    return tuple(map(tuple, found.values()))


def change(document: Any, keys: tuple[Any, ...], dice: np.random.Generator) -> None:
    """Something else lies there, or nothing, or the same twice."""
    parent = document
    for key in keys[:-1]:
        parent = parent[key]
    before, choice = parent[keys[-1]], dice.integers(8)
    if choice == 0:
        del parent[keys[-1]]
    elif choice == 1 and isinstance(parent, list):
        parent.append(before)
    elif choice == 2 and isinstance(before, (list, dict)):
        parent[keys[-1]] = type(before)()
    elif choice <= 5 and type(before) is int:
        parent[keys[-1]] = before + int(dice.choice([-1, 1, 2, 100]))
    elif choice <= 5 and type(before) is float:
        parent[keys[-1]] = before * float(dice.choice([0, -1, 0.1, 0.5, 2, 10, 1e-3, 1e3, 1e-9, 1e9]))
    else:
        parent[keys[-1]] = JUNK[dice.integers(len(JUNK))]


def use(record: Record) -> None:
    """All that is ever made of a record that was read."""
    if isinstance(record, ScenarioRecord):
        print_table(scenario_table(record, summarise_scenarios(record)))
        assert len([essentials(run) for run in record.runs]) + len(scenario_doubts(record)) > 0
        return
    assert render_report([record], limit=limit_s).startswith("<!")
    if isinstance(record, BenchRecord):
        assert len([*comparison_lines(compare(drawn.bench_record(), record))]) > 0
        for table in tables(record, summarise(record)):
            print_table(table)
        assert len(heading(record) + footer(record)) > 0
        assert len(msgspec.json.encode(make_trace(record))) > 0
    if isinstance(record, SearchRecord):
        summaries = summarise_search(record)
        print_table(front_table(summaries, record))
        assert len([*search_footer(summaries, record)]) > 0


def refusal(path: Path) -> str:
    """What is said of a record; nothing where it was used."""
    try:
        use(read_record(path))
    except AccelError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_record_is_read_and_used(kind: str, tmp_path: Path) -> None:
    assert refusal(sealed(json.loads(sound(kind)), tmp_path)) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_record_is_refused_in_one_line_or_used_in_time(kind: str, tmp_path: Path) -> None:
    dice, told = np.random.default_rng(19), []
    for _ in range(CHANGES):
        document = json.loads(sound(kind))
        alike = kinds_of_places(kind)[dice.integers(len(kinds_of_places(kind)))]
        change(document, alike[dice.integers(len(alike))], dice)
        started = perf_counter()
        told.append(refusal(sealed(document, tmp_path)))
        assert perf_counter() - started < 5

    assert 0 < sum(map(bool, told)) < CHANGES
    assert not any("\n" in each for each in told)


GONE = "gone"


def first(values: list[Any]) -> list[Any]:
    """The first alone."""
    return values[:1]


# Sound as JSON and empty, endless or contradicting inside: the kind, where, and what lies there.
HOLLOW: dict[str, tuple[str, str, Any]] = {
    "no plans": ("bench", "plans", []),
    "no images": ("bench", "plans.1.images", []),
    "fewer images than others": ("bench", "plans.1.images", first),
    "fewer images of a peer": ("bench", "peers.0.images", first),
    "more yardsticks than rounds": ("bench", "yardstick_s", [0.1] * 9),
    "an image of no time": ("bench", "plans.0.images.0.seconds", 0.0),
    "no calls in an image": ("bench", "plans.1.images.0.spans", []),
    "calls of a peer longer than its image": ("bench", "peers.0.images.0.seconds", 0.1),
    "no graph of the deep pass": ("bench", "bundle.graphs.unet_deep", GONE),
    "no graph of the branch": ("bench", "bundle.graphs.unet_shallow_0", GONE),
    "no work in the deep pass": ("bench", "bundle.graphs.unet_deep.flops", 0),
    "10^9 calls": ("bench", "plans.1.facts.calls", 10**9),
    "shallow calls of no branch": ("bench", "plans.1.facts.plan.branch", None),
    "a branch whose graph is not told of": ("bench", "plans.1.facts.plan.branches", {"1": 7}),
    "a deep call after the last": ("bench", "plans.1.facts.plan.deep", [0, 400]),
    "weights of a deep call": ("bench", "plans.1.facts.plan.weights", {"0": [1.0]}),
    "a guided call after the last": ("bench", "plans.1.facts.plan.guided_calls", [0, 400]),
    "a baseline of shallow calls": ("bench", "plans.0.facts.plan.deep", [0]),
    "two plans of one name": ("bench", "plans.1.facts.name", "full"),
    "no trials": ("evaluation", "trials", []),
    "no scores": ("evaluation", "trials.1.scores.ssim", []),
    "no captions": ("evaluation", "captions", []),
    "fewer batches than others": ("evaluation", "trials.1.batch_s", first),
    "nothing tried": ("search", "tried", []),
    "nothing that was chosen": ("search", "chosen", "nobody"),
    "no deep calls": ("search", "calls.deep", GONE),
    "no trials of the grid": ("search", "grid_calls.trials", GONE),
    "more scores than prompts": ("search", "prompts", first),
    "fewer seconds than the baseline": ("search", "tried.3.image_s", first),
    "no scores by CLIP": ("search", "goal.score", "clip"),
    "no runs": ("scenario", "runs", []),
    "no queries": ("scenario", "runs.0.queries", []),
    "no figures of the load generator": ("scenario", "runs.0.results", {}),
    "no bound of a server": ("scenario", "runs.0.load.percentile", None),
}


@pytest.mark.parametrize("name", HOLLOW)
def test_a_hollow_record_is_refused(name: str, tmp_path: Path) -> None:
    kind, where, value = HOLLOW[name]
    document = parent = json.loads(sound(kind))
    *outer, last = (int(key) if key.isdecimal() else key for key in where.split("."))
    for key in outer:
        parent = parent[key]
    parent[last] = value(parent[last]) if callable(value) else value
    if value is GONE:
        del parent[last]

    with pytest.raises(InputError, match=r"record\.json: "):
        read_record(sealed(document, tmp_path))


@pytest.mark.parametrize(
    "raw", [b"[" * 100_000, b'{"kind": ' * 100_000, b'{"kind": [1], "format": [2]}', b"null", b"\xff"]
)
def test_what_is_no_record_is_one_line(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "record.json").write_bytes(raw)

    with pytest.raises(InputError, match=r"record\.json: "):
        read_record(tmp_path / "record.json")


def test_records_that_were_measured_are_within_bounds() -> None:
    names = ("profile-cpu-tiny*.json", "scenario-*.json", "search-*.json", "repeatability/*.json")
    paths = [path for name in names for path in (ROOT / "docs" / "records").glob(name)]

    assert {read_record(path).kind for path in paths} == set(KINDS)
