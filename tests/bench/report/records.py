"""Small records of both kinds, with times that are easy to reckon with."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from accel_bench.benchmark.record import to_png
from accel_bench.records.bench import BenchRecord, ImageRun, PeerRun, PlanRun
from accel_bench.records.captions import Caption
from accel_bench.records.environment import Environment
from accel_bench.records.evaluation import EvaluationRecord, Scores, TrialRun
from accel_bench.records.parts import BundleFacts, GraphFacts, PlanFacts, Span, Workload
from accel_bench.records.store import seal
from accel_runtime.backends import BackendDescription
from accel_runtime.plans.deep_calls import shortest_deep_calls
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.spec import PlanSpec

ENVIRONMENT = Environment("A processor", 2, 8_000_000_000, "Linux", "3.11", {"numpy": "2.4.6"}, 0.0)
BACKEND = BackendDescription("onnxruntime", "1.31", "CPUExecutionProvider", {"intra_op_num_threads": 1})
GRAPHS = {
    "text_encoder": GraphFacts(500, 8, 8, "float32", "text"),
    "unet_deep": GraphFacts(1000, 8, 8, "float32", "deep"),
    "unet_shallow_0": GraphFacts(100, 8, 8, "float32", "shallow", 0),
    "vae_decoder": GraphFacts(500, 8, 8, "float32", "decoder"),
}
WORK = Workload("ddim", 4, 4.0, height=8, width=8, batch=1, seed=0)
# How much slower than the first each round was.
ROUNDS = (1.0, 1.5, 1.1, 1.2, 1.3, 1.4)
TEXT_S, DEEP_S, SHALLOW_S, UPDATE_S, VAE_S, OTHER_S = 0.01, 0.2, 0.02, 0.005, 0.1, 0.02


def facts(plan: str, deep_calls: Sequence[int]) -> PlanFacts:
    deep = shortest_deep_calls(deep_calls, 4)
    return PlanFacts(plan, PlanSpec(deep=deep, forecast=Forecast.LINEAR), calls=4)


FULL, CACHED = facts("full", range(4)), facts("every:2", (0, 2))


def image(plan: PlanFacts, slowness: float = 1.0) -> ImageRun:
    """Text encoder, four calls with an update after each, VAE, and the rest."""
    spans, now = [Span("text_encoder", 0.0, TEXT_S * slowness)], TEXT_S * slowness
    begun = now
    for call in plan.running_calls:
        deep = call in plan.deep_calls
        seconds = (DEEP_S if deep else SHALLOW_S) * slowness
        spans.append(Span("unet_deep" if deep else "unet_shallow_0", now, seconds))
        now += seconds + UPDATE_S * slowness
    spans += [Span("denoise", begun, now - begun), Span("vae_decoder", now, VAE_S * slowness)]
    return ImageRun(now + (VAE_S + OTHER_S) * slowness, tuple(spans))


def picture(value: int) -> bytes:
    return to_png(np.full((8, 8, 3), value, np.uint8))


def plan_run(plan: PlanFacts, *, rounds: Sequence[float] = ROUNDS, value: int = 100) -> PlanRun:
    return PlanRun(plan, 9.0, tuple(image(plan, slowness) for slowness in rounds), picture(value))


def peer_run(name: str = "diffusers") -> PeerRun:
    spans = tuple(Span("unet", 0.1 + index * 0.3, 0.3) for index in range(4))
    return PeerRun(
        name,
        versions={"torch": "2.13"},
        settings={"threads": 1},
        calls=4,
        unequal=("its own noise",),
        load_s=1.0,
        warm_up_s=1.0,
        images=tuple(ImageRun(2.0 * slowness, spans) for slowness in ROUNDS),
        peak_rss_bytes=1_000_000,
        picture=None,
    )


def bench_record(**changes: Any) -> BenchRecord:
    fields: dict[str, Any] = dict.fromkeys(BenchRecord.__struct_fields__) | {
        "kind": "bench",
        "format": 3,
        "started": "2026-01-02T03:04:05+00:00",
        "environment": ENVIRONMENT,
        "backend": BACKEND,
        "bundle": BundleFacts("d" * 64, "small", "trained", (8, 8), GRAPHS),
        "workload": WORK,
        "prompt": "a prompt",
        "load_s": {"unet_deep": 2.0},
        "plans": (plan_run(FULL), plan_run(CACHED, value=110)),
        "peers": (),
        "yardstick_s": tuple(0.05 * slowness for slowness in ROUNDS),
        "peak_rss_bytes": 123_000_000,
        "doubts": (),
    }
    return seal(BenchRecord(**(fields | changes)))


def scores(error: float) -> Scores:
    """Of two pictures, the second twice as far off as the first."""
    both = (error, 2 * error)
    return Scores(both, (1.0, 1.0), both, (50 - error, 52 - 2 * error), (True, False))


def evaluation_record(**changes: Any) -> EvaluationRecord:
    full = TrialRun(FULL, (4.0,) * 6, scores(0.0))
    cached = TrialRun(CACHED, (2.0, 2.5, 1.6, 2.0, 2.0, 2.0), scores(0.5))
    fields: dict[str, Any] = dict.fromkeys(EvaluationRecord.__struct_fields__) | {
        "kind": "evaluation",
        "format": 3,
        "started": "2026-01-02T03:04:05+00:00",
        "environment": ENVIRONMENT,
        "backend": BACKEND,
        "bundle": BundleFacts("d" * 64, "small", "trained", (8, 8), GRAPHS),
        "workload": WORK,
        "scorers": {"emoji_clip.onnx": "0123456789abcdef0123"},
        "captions": tuple(
            Caption(caption=f"{label} on a {colour} background", label=label, colour=colour, held_out=True)
            for label, colour in (("apple", "red"), ("car", "blue"))
        ),
        "cut_captions": 0,
        "warm_up_s": {},
        "trials": (full, cached),
        "peak_rss_bytes": 123_000_000,
    }
    return seal(EvaluationRecord(**(fields | changes)))
