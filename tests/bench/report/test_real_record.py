"""A page of what was really drawn, so that names of graphs and spans stay those of the measurement."""

from pathlib import Path

from accel_bench.benchmark.record import make_record
from accel_bench.cli.options import choose_backend
from accel_bench.plans.prepare import Settings, prepare
from accel_bench.records.bundle import graph_names
from accel_bench.records.environment import read_environment
from accel_bench.report.charts.timeline import timeline, tracks
from accel_bench.report.page import render_report
from accel_bench.timing.contender import PlanContender
from accel_bench.timing.measure import Measurement, StopRule, measure
from accel_bench.timing.meters import NoMeters
from accel_bench.timing.spans import Spans, TimedBackend
from accel_runtime import Pipeline, open_bundle
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.request import Request


def test_the_calls_of_a_measured_image_are_drawn_as_its_plan_made_them(bundle_folder: Path, pipeline: Pipeline) -> None:
    spans = Spans()
    backend = TimedBackend(choose_backend("cpu", threads=1), spans, graph_names(pipeline.bundle.manifest))
    timed = open_bundle(bundle_folder, backend)
    settings = Settings(steps=4, scheduler="ddim", guidance=4.0, batch=1)
    request = Request(prompts=("a cat",))
    contenders = [
        PlanContender(each.facts, timed, spans, request, each.plan, each.warm_up, NoMeters())
        for each in prepare(timed, [PlanSpec(deep="every:2")], settings=settings)
    ]
    measurement = Measurement()
    for _ in measure(contenders, StopRule(1), into=measurement):
        pass
    record = make_record(contenders, measurement, environment=read_environment(), settings=settings)

    page = render_report([record])

    full, cached = tracks(record)
    assert page.count("<img") == 3
    calls = "2 × text encoder, 2 × deep calls, {}1 × VAE"
    assert calls.format("").replace("2 × deep", "4 × deep") in timeline("full", [full]).description
    assert calls.format("2 × shallow calls, ") in timeline("cached", [cached]).description
