"""Traces: strict enough for Perfetto, and as long as what was measured."""

import json
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from tests.solved import solved_plan

from accel_bench.base.files import write_record
from accel_bench.benchmark.record import make_record
from accel_bench.cli.bench.trace import trace
from accel_bench.plans.prepare import Prepared, Settings, prepare
from accel_bench.records.bench import BenchRecord, ImageRun
from accel_bench.records.bundle import graph_names
from accel_bench.records.environment import read_environment
from accel_bench.records.parts import PlanFacts, Span
from accel_bench.timing.contender import PlanContender
from accel_bench.timing.measure import Measurement, StopRule, measure
from accel_bench.timing.meters import NoMeters
from accel_bench.timing.pipeline import plan_contenders
from accel_bench.timing.spans import Spans, TimedBackend
from accel_bench.trace import ProfiledImage, profile_image, write_trace
from accel_bench.trace.events import Slice, nested
from accel_runtime import Pipeline, Request
from accel_runtime.backends import OnnxRuntimeBackend
from accel_runtime.bundle.bundle import read_bundle
from accel_runtime.plans.spec import PlanSpec

REQUEST = Request(("a fox",), seed=3)
SETTINGS = Settings(steps=4, scheduler="ddim", guidance=4.0, batch=1)


@pytest.fixture(scope="module")
def prepared(pipeline: Pipeline) -> tuple[Prepared, ...]:
    return prepare(pipeline, [PlanSpec(deep="every:2")], settings=SETTINGS)


@pytest.fixture(scope="module")
def record(pipeline: Pipeline, prepared: tuple[Prepared, ...]) -> BenchRecord:
    """Two plans in two rounds on the small bundle."""
    bundle, spans = pipeline.bundle, Spans()
    timed = Pipeline(bundle, TimedBackend(OnnxRuntimeBackend(threads=1), spans, graph_names(bundle.manifest)))
    plans = [PlanContender(each.facts, timed, spans, REQUEST, each.plan, each.warm_up, NoMeters()) for each in prepared]
    measurement = Measurement()
    for _ in measure(plans, StopRule(rounds=2), into=measurement):
        pass
    return make_record(plans, measurement, environment=read_environment(), settings=SETTINGS)


def document_of(record: BenchRecord, *profiled: ProfiledImage) -> dict[str, Any]:
    """The trace as a viewer reads it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        write_trace(record, path, profiled=profiled)
        document: dict[str, Any] = json.loads(path.read_text())
    return document


def slices(document: dict[str, Any]) -> dict[tuple[int, int], list[dict[str, Any]]]:
    """By process and thread, the slices."""
    tracks = defaultdict(list)
    for event in document["traceEvents"]:
        if event["ph"] == "X":
            tracks[event["pid"], event["tid"]].append(event)
    return dict(tracks)


def parents(track: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Every slice with the one around it; fails where two overlap. Nanoseconds, so that sums are exact."""
    around: list[dict[str, Any]] = []
    for event in track:
        start, end = round(event["ts"] * 1000), round((event["ts"] + event["dur"]) * 1000)
        while around and round((around[-1]["ts"] + around[-1]["dur"]) * 1000) <= start:
            around.pop()
        assert not around or end <= round((around[-1]["ts"] + around[-1]["dur"]) * 1000), (event, around[-1])
        yield event, around[-1] if around else None
        around.append(event)


def test_every_event_has_what_the_format_asks_for(record: BenchRecord) -> None:
    document = document_of(record)
    named = {(event["pid"], event["tid"]) for event in document["traceEvents"] if event["name"] == "thread_name"}

    assert set(document) == {"traceEvents", "displayTimeUnit", "otherData"}
    assert set(slices(document)) == named
    for event in document["traceEvents"]:
        assert {"name", "ph", "pid", "tid"} <= set(event)
        assert event["pid"] > 0
        if event["ph"] == "X":
            assert event["ts"] >= 0
            assert event["dur"] >= 0
        else:
            assert event["ph"] == "M"
            assert set(event["args"]) <= {"name", "sort_index"}


def test_calls_lie_in_their_stage_and_stages_in_their_image(record: BenchRecord) -> None:
    around = {"image": None, "stage": "image", "deep": "stage", "shallow": "stage"}
    for track in list(slices(document_of(record)).values())[:2]:
        for event, parent in parents(track):
            if event["cat"] in around:
                assert (parent and parent["cat"]) == around[event["cat"]], event


def test_slices_are_as_long_as_the_record_s_spans(record: BenchRecord) -> None:
    tracks = slices(document_of(record))
    for process, plan in enumerate(record.plans, 1):
        images = [event["dur"] for event in tracks[process, 1] if event["cat"] == "image"]
        drawn = sum(event["dur"] for event in tracks[process, 1] if event["cat"] != "image")

        assert images == pytest.approx([image.seconds * 1e6 for image in plan.images], abs=0.01)
        spans = [span.seconds * 1e6 for image in plan.images for span in image.spans]
        assert drawn == pytest.approx(sum(spans), abs=0.01 * len(spans))
    ends = sorted(
        (event["ts"], event["ts"] + event["dur"])
        for track in tracks.values()
        for event, p in parents(track)
        if p is None
    )
    assert all(end == pytest.approx(start, abs=0.01) for (_, end), (start, _) in pairwise(ends))


def test_rounds_follow_each_other_in_the_order_they_were_drawn_in(record: BenchRecord) -> None:
    tracks = slices(document_of(record))
    images = sorted((e["ts"], e["pid"], e["args"]["round"]) for t in tracks.values() for e in t if e["cat"] == "image")

    assert [(process, round_) for _, process, round_ in images] == [(1, 0), (2, 0), (2, 1), (1, 1)]


def test_deep_and_shallow_calls_differ_in_name_and_colour_and_are_counted(record: BenchRecord) -> None:
    track = slices(document_of(record))[2, 1]
    calls = [event for event in track if event["cat"] in ("deep", "shallow")]
    looks = {
        event["args"]["pass"]: {(e["name"], e["cname"]) for e in calls if e["cat"] == event["cat"]} for event in calls
    }

    assert [event["args"]["call"] for event in calls] == [0, 1, 2, 3] * 2
    assert [event["cat"] for event in calls] == ["deep", "shallow", "deep", "shallow"] * 2
    assert all(len(look) == 1 for look in looks.values())
    assert {name for name, _ in looks["deep"]}.isdisjoint({name for name, _ in looks["shallow"]})
    assert {colour for _, colour in looks["deep"]}.isdisjoint({colour for _, colour in looks["shallow"]})


def test_a_slice_that_sticks_out_by_a_tick_is_cut() -> None:
    found = list(
        nested([Slice("inner", "graph", 5, 12), Slice("outer", "stage", 0, 10), Slice("next", "stage", 10, 20)])
    )

    assert [(each.name, each.start, each.end) for each in found] == [
        ("outer", 0, 10),
        ("inner", 5, 10),
        ("next", 10, 20),
    ]


def test_operators_of_the_profiler_lie_within_the_call_that_ran_them(
    pipeline: Pipeline, record: BenchRecord, prepared: tuple[Prepared, ...]
) -> None:
    each = prepared[1]
    image = profile_image(
        pipeline.bundle,
        REQUEST,
        facts=each.facts,
        plan=each.plan,
        warm_up=each.warm_up,
        threads=1,
    )
    document = document_of(record, image)
    calls, operators = (slices(document)[len(record.plans) + 2, thread] for thread in (1, 2))
    runs = [event for event in calls if event["cat"] in ("deep", "shallow", "graph")]

    assert {"Conv", "MatMul"} <= {event["name"].removeprefix("Fused") for event in operators}
    assert {event["args"]["graph"] for event in operators} == {event["name"] for event in runs}
    assert [event["args"]["timestep"] for event in calls if "timestep" in event.get("args", {})] == list(
        image.timesteps
    )
    assert list(parents(operators))
    # Two clocks, read a moment apart.
    slack = 50.0
    for run in runs:
        start, end = run["ts"] - slack, run["ts"] + run["dur"] + slack
        inside = [each for each in operators if start <= each["ts"] and each["ts"] + each["dur"] <= end]
        own = [each for each in inside if each["args"]["graph"] == run["name"]]
        assert own, run
        assert sum(each["dur"] for each in own) <= run["dur"]
    covered = {
        id(operator)
        for run in runs
        for operator in operators
        if operator["args"]["graph"] == run["name"]
        and run["ts"] - slack <= operator["ts"] <= run["ts"] + run["dur"] + slack
    }
    assert len(covered) == len(operators)


@pytest.mark.parametrize(("form", "made_of"), [("native", "Attention"), ("plain", "Softmax")])
def test_operators_are_of_the_form_that_was_timed(forms_folder: Path, tmp_path: Path, form: str, made_of: str) -> None:
    bundle, backend, measurement = read_bundle(forms_folder), OnnxRuntimeBackend(threads=1), Measurement()
    plans = plan_contenders(bundle, backend, specs=[], settings=SETTINGS, request=REQUEST, form=form)
    for _ in measure(plans, StopRule(rounds=1), into=measurement):
        pass
    timed = make_record(plans, measurement, environment=read_environment(), settings=SETTINGS)
    write_record(tmp_path / "record.json", timed)

    trace(tmp_path / "record.json", output=tmp_path / "trace.json", operators=forms_folder, threads=1)

    document = json.loads((tmp_path / "trace.json").read_text())
    found = {event["name"] for event in document["traceEvents"] if event.get("args", {}).get("node")}
    assert made_of in found
    assert found.isdisjoint({"Attention", "Softmax"} - {made_of})


def test_calls_have_the_schedule_s_numbers_where_others_are_skipped(record: BenchRecord) -> None:
    spec = solved_plan((0, 2), shallow=(3,), calls=4)
    facts = PlanFacts("solved", spec, calls=4)
    run = record.plans[1]
    # Without one of its calls, the image has as many as the plan runs.
    spans = tuple(span for span in run.images[0].spans if span is not _passes(run.images[0], record)[1])
    images = tuple(msgspec.structs.replace(each, spans=spans) for each in run.images)
    skipping = msgspec.structs.replace(run, facts=facts, images=images)
    changed = msgspec.structs.replace(record, plans=(record.plans[0], skipping))

    calls = [event for event in slices(document_of(changed))[2, 1] if event["cat"] in ("deep", "shallow")]

    assert [event["args"]["call"] for event in calls] == [0, 2, 3] * 2


def _passes(image: ImageRun, record: BenchRecord) -> list[Span]:
    return [span for span in image.spans if record.bundle.parts.get(span.name) in ("deep", "shallow")]
