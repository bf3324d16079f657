"""Statistics of a benchmark, computed from its raw samples."""

from typing import Any

import msgspec
import pytest
from tests.bench.records.made import bench_record, image, peer_run, plan_run
from tests.solved import solved_plan

from accel_bench.benchmark.roofline import limit_s
from accel_bench.benchmark.summary import summarise
from accel_bench.records.bench import BenchRecord, Peaks, PlanRun
from accel_bench.records.parts import PlanFacts
from accel_runtime.backends import BackendDescription


def test_the_speed_up_compares_round_with_round() -> None:
    slow = (1.0, 2.0, 1.0)
    plans = (plan_run("full", deep=10, shallow=0, slower=slow), plan_run("every:5", deep=2, shallow=8, slower=slow))

    full, cached = summarise(bench_record(plans=plans)).plans

    assert (full.speedup.low, full.speedup.high) == (1.0, 1.0)
    assert cached.unet_speedup.low == pytest.approx(10 / 2.8)
    assert cached.unet_speedup.high == pytest.approx(10 / 2.8)
    assert cached.speedup.median == pytest.approx((10.1 + 1.15) / (2.9 + 1.15))


def test_the_unet_s_speed_up_stands_beside_what_its_flops_allow() -> None:
    cached = summarise(bench_record()).plans[1]

    assert cached.unet_ceiling == pytest.approx(10_000 / (2 * 1000 + 8 * 200))


def test_an_image_s_time_is_the_sum_of_its_stages() -> None:
    for plan in summarise(bench_record()).plans:
        parts = plan.stages
        whole = parts.text + parts.deep + parts.shallow + parts.update + parts.vae + parts.other

        assert whole == pytest.approx(plan.image_s.median)
        assert parts.other == pytest.approx(0.05)
        assert plan.update_us == pytest.approx(10_000)


def test_a_peer_that_makes_a_call_more_is_compared_with_it_and_without() -> None:
    record = bench_record(peers=(peer_run("other", calls=11, seconds=23.0),))

    (peer,) = summarise(record).peers

    assert peer.call_s is not None
    assert peer.call_s.median == 2.0
    assert peer.speedup.median == pytest.approx(11.25 / 23)
    assert peer.speedup_per_call.median == pytest.approx(11.25 / 21)
    assert peer.behind["every:5"].median == pytest.approx(23 / 4.05)


def test_the_limit_is_the_slower_of_arithmetic_and_traffic_of_every_graph() -> None:
    quick_memory = Peaks({"float32": 1e4}, bytes_per_s=1e9, source="s")
    slow_memory = Peaks({"float32": 1e9}, bytes_per_s=1e4, source="s")

    # two halves of guidance in each call and two texts
    assert limit_s(bench_record(peaks=quick_memory), "full") == pytest.approx((2 * 10 * 1000 + 2 * 10 + 500) / 1e4)
    # weights are read once a call, tensors once a half
    traffic = 2 * (4000 + 80) + 8 * (800 + 80) + 2 * (40 + 40) + (2000 + 40)
    assert limit_s(bench_record(peaks=slow_memory), "every:5") == pytest.approx(traffic / 1e4)


def test_guidance_that_is_an_input_has_no_second_half() -> None:
    record = bench_record(peaks=Peaks({"float32": 1e4}, None, source="s"))
    told = msgspec.structs.replace(record, bundle=msgspec.structs.replace(record.bundle, guidance="input"))

    assert limit_s(told, "full") == pytest.approx((10 * 1000 + 10 + 500) / 1e4)


def test_unguided_calls_are_half_the_work_in_limit_and_ceiling_and_in_no_graph_s_time() -> None:
    full, cached = plan_run("full", deep=10, shallow=0), plan_run("every:5", deep=2, shallow=8)
    plan = msgspec.structs.replace(cached.facts.plan, guided_calls=(0, 3))
    facts = msgspec.structs.replace(cached.facts, plan=plan)
    record = bench_record(
        plans=(full, msgspec.structs.replace(cached, facts=facts)), peaks=Peaks({"float32": 1e4}, None, source="s")
    )

    # both deep calls and two of the eight shallow ones are guided
    work = 2 * 2 * 1000 + (2 * 2 + 6) * 200
    assert limit_s(record, "every:5") == pytest.approx((work + 2 * 10 + 500) / 1e4)
    assert summarise(record).plans[1].unet_ceiling == pytest.approx(2 * 10_000 / work)
    assert {each.graph: each.seconds.samples for each in summarise(record).graphs if each.graph == "outer"} == {
        "outer": 3 * 2
    }


@pytest.mark.parametrize(
    "peaks",
    [
        None,
        Peaks({"float16": 1e9}, bytes_per_s=None, source="another precision"),
        Peaks({"float32": 1.0}, bytes_per_s=None, source="refuted by the pictures that were drawn in less"),
    ],
)
def test_no_limit_is_told_where_the_peaks_are_not_known(peaks: Peaks | None) -> None:
    assert limit_s(bench_record(peaks=peaks), "full") is None


def test_the_limit_is_that_of_the_precision_that_the_backend_says_it_computes_in() -> None:
    backend = BackendDescription("openvino", "1", "CPU", {"inference_precision": "bf16"})
    peaks = Peaks({"float32": 1e4, "bfloat16": 4e4}, None, source="s")

    slow, quick = (limit_s(bench_record(peaks=peaks, **on), "full") for on in ({}, {"backend": backend}))

    assert slow is not None
    assert quick == pytest.approx(slow / 4)


def skipping_record(**parts: Any) -> BenchRecord:
    """Beside the full plan, one of two deep calls, a shallow one and seven that run nothing."""
    facts = PlanFacts("solved", solved_plan((0, 4), shallow=(7,), branch=1, **parts), calls=10)
    run = PlanRun(facts, warm_up_s=9.0, images=(image(facts),) * 3, picture=None)
    peaks = Peaks({"float32": 1e4}, None, source="s")
    return bench_record(plans=(plan_run("full", deep=10, shallow=0), run), peaks=peaks)


def test_skipped_calls_cost_nothing_in_ceiling_and_limit() -> None:
    record = skipping_record()
    skipping = summarise(record).plans[1]

    assert (skipping.calls, skipping.deep, skipping.skipped) == (10, 2, 7)
    assert skipping.unet_ceiling == pytest.approx(10_000 / 2200)
    assert skipping.unet_speedup.median == pytest.approx(10 / 2.1)
    assert limit_s(record, "solved") == pytest.approx((2 * 2200 + 2 * 10 + 500) / 1e4)


def test_the_loop_s_own_time_is_told_for_each_call_that_runs() -> None:
    assert summarise(skipping_record()).plans[1].update_us == pytest.approx(10_000)


def test_which_graph_runs_are_guided_is_told_by_the_numbers_of_the_calls_that_run() -> None:
    # Of calls 0, 4 and 7 the first two are guided.
    graphs = {each.graph: each.seconds.samples for each in summarise(skipping_record(guided_calls=(0, 6))).graphs}

    assert (graphs["whole"], "outer" in graphs) == (3 * 10 + 3 * 2, False)
