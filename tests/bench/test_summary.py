"""Statistics computed from raw samples."""

from typing import Any

import pytest

from accel_bench.environment import Environment
from accel_bench.record import BundleFacts, Config, PlanRun, RunRecord
from accel_bench.summary import Spread, summarise
from accel_runtime.backends import BackendDescription


def plan_run(name: str, *, deep: int, shallow: int, deep_s: float, shallow_s: float, overhead_s: float) -> PlanRun:
    calls = deep + shallow
    graphs = {"unet_deep": (deep_s,) * deep, "text_encoder": (0.1,), "vae_decoder": (1.0,)}
    if shallow:
        graphs["unet_shallow_1"] = (shallow_s,) * shallow
    loop_s = deep * deep_s + shallow * shallow_s + calls * overhead_s
    return PlanRun(
        name=name,
        branch=1 if shallow else None,
        forecast="hold",
        calls=calls,
        deep_calls=tuple(range(deep)),
        image_s=(loop_s + 1.1, 2 * (loop_s + 1.1), loop_s + 1.1),
        loop_s=(loop_s,) * 3,
        graph_s=(graphs,) * 3,
    )


def record(**changes: Any) -> RunRecord:
    full = plan_run("full", deep=10, shallow=0, deep_s=1.0, shallow_s=0.1, overhead_s=0.001)
    cached = plan_run("every:5", deep=2, shallow=8, deep_s=1.0, shallow_s=0.1, overhead_s=0.002)
    fields: dict[str, Any] = {
        "format": 1,
        "started": "2026-01-01T00:00:00+00:00",
        "environment": Environment("cpu", 2, 1, "Linux", "3.11", {}, 0.0),
        "backend": BackendDescription("onnxruntime", "1", "CPUExecutionProvider", {}),
        "bundle": BundleFacts("d", "s", "random", (64, 64), {"unet_deep": 1000, "unet_shallow_1": 200}),
        "config": Config("ddim", 10, 7.5, 64, 64, 1, "p", 0, 3),
        "warm_up_s": {"full": 9.0},
        "plans": (full, cached),
        "peak_rss_bytes": 1,
    }
    return RunRecord(**(fields | changes))


def test_a_spread_keeps_the_middle_and_both_ends() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(median=2.0, low=1.0, high=3.0, samples=3)


def test_the_speed_up_compares_round_with_round() -> None:
    full, cached = summarise(record()).plans

    assert full.speedup == Spread(median=1.0, low=1.0, high=1.0, samples=3)
    assert cached.speedup.low == pytest.approx((10 * 1.001 + 1.1) / (2.82 + 1.1))
    assert cached.speedup.low == pytest.approx(cached.speedup.high)


def test_the_unet_s_speed_up_stands_beside_what_its_flops_allow() -> None:
    cached = summarise(record()).plans[1]

    assert cached.unet_speedup.median == pytest.approx(10 / 2.8)
    assert cached.unet_ceiling == pytest.approx(10 * 1000 / (2 * 1000 + 8 * 200))


def test_the_loop_s_own_time_is_told_per_call() -> None:
    full, cached = summarise(record()).plans

    assert full.overhead_us == pytest.approx(1000)
    assert cached.overhead_us == pytest.approx(2000)
    assert cached.overhead_of_deep == pytest.approx(0.002)


def test_graphs_are_listed_in_the_order_in_which_an_image_needs_them() -> None:
    graphs = summarise(record()).graphs

    assert [graph.graph for graph in graphs] == [
        "text_encoder",
        "unet_deep",
        "unet_shallow_1",
        "vae_decoder",
    ]
    assert [graph.of_deep for graph in graphs] == [None, 1.0, pytest.approx(0.1), None]
