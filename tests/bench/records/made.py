"""Records made of round numbers."""

from typing import Any

from accel_bench.records.bench import BenchRecord, ImageRun, PeerRun, PlanRun
from accel_bench.records.captions import Caption
from accel_bench.records.environment import Environment
from accel_bench.records.evaluation import EvaluationRecord, Scores, TrialRun
from accel_bench.records.parts import BundleFacts, GraphFacts, PlanFacts, Span, Workload
from accel_bench.records.store import seal
from accel_runtime.backends import BackendDescription
from accel_runtime.manifest import Role
from accel_runtime.plans.spec import PlanSpec

ENVIRONMENT = Environment("cpu", 2, 1, "Linux", "3.11", {}, 0.0)
BACKEND = BackendDescription("onnxruntime", "1", "CPUExecutionProvider", {})
# 1000 and 200 FLOPs.
GRAPHS = {
    name: GraphFacts(
        flops, weight_bytes=flops * 4, tensor_bytes=40, dtype="float32", part=role.part, branch=role.branch
    )
    for name, flops, role in (
        ("clip", 10, Role("text")),
        ("whole", 1000, Role("deep")),
        ("outer", 200, Role("shallow", 1)),
        ("pictures", 500, Role("decoder")),
    )
}
BUNDLE = BundleFacts("d", "s", "trained", (64, 64), GRAPHS)
WORKLOAD = Workload("ddim", 10, 7.5, 64, 64, 1, 0)


def plan_facts(name: str, *, deep: int, shallow: int) -> PlanFacts:
    """Deep calls first."""
    return PlanFacts(
        name=name,
        plan=PlanSpec(deep=tuple(range(deep)) if shallow else "full", branch=1),
        calls=deep + shallow,
    )


def image(facts: PlanFacts, *, deep_s: float = 1.0, shallow_s: float = 0.1, update_s: float = 0.01) -> ImageRun:
    """Text 0.1 s, VAE 1 s, 0.05 s beside them, and the calls."""
    spans, now = [Span("clip", 0.0, 0.1), Span("prepare", 0.0, 0.1)], 0.1
    for call in facts.running_calls:
        name, seconds = ("whole", deep_s) if call in facts.deep_calls else ("outer", shallow_s)
        spans.append(Span(name, now, seconds))
        now += seconds + update_s
    spans += [Span("denoise", 0.1, now - 0.1), Span("pictures", now, 1.0), Span("decode", now, 1.05)]
    return ImageRun(now + 1.05, tuple(spans))


def plan_run(name: str, *, deep: int, shallow: int, slower: tuple[float, ...] = (1.0, 1.0, 1.0)) -> PlanRun:
    """One image a round, each so many times as slow as round numbers say."""
    facts = plan_facts(name, deep=deep, shallow=shallow)
    images = tuple(
        image(facts, deep_s=1.0 * factor, shallow_s=0.1 * factor, update_s=0.01 * factor) for factor in slower
    )
    return PlanRun(facts, warm_up_s=9.0, images=images, picture=None)


def peer_run(name: str, *, calls: int, seconds: float, rounds: int = 3) -> PeerRun:
    """A peer whose calls take 2 s."""
    spans = tuple(Span("unet", 2.0 * call, 2.0) for call in range(calls))
    images = (ImageRun(seconds, spans),) * rounds
    return PeerRun(name, {"it": "1"}, {}, calls, (), 1.0, 1.0, images, 1, None)


def bench_record(**changes: Any) -> BenchRecord:
    """Full and every:5 of ten calls, three rounds."""
    fields: dict[str, Any] = {
        "kind": "bench",
        "format": 3,
        "id": "",
        "started": "2026-01-01T00:00:00+00:00",
        "environment": ENVIRONMENT,
        "backend": BACKEND,
        "bundle": BUNDLE,
        "workload": WORKLOAD,
        "prompt": "p",
        "profile": None,
        "peaks": None,
        "load_s": {"whole": 2.0},
        "plans": (plan_run("full", deep=10, shallow=0), plan_run("every:5", deep=2, shallow=8)),
        "peers": (),
        "yardstick_s": (0.01, 0.01, 0.01),
        "peak_rss_bytes": 1,
        "doubts": (),
    }
    return seal(BenchRecord(**(fields | changes)))


def trial_run(name: str, scores: Scores, *, batch_s: tuple[float, ...] = (4.0, 6.0, 9.0), **plan: Any) -> TrialRun:
    """Four calls, all of them deep unless told otherwise."""
    return TrialRun(PlanFacts(name=name, plan=PlanSpec(**({"deep": "full"} | plan)), calls=4), batch_s, scores)


def evaluation_record(*trials: TrialRun) -> EvaluationRecord:
    """As many captions as scores."""
    return EvaluationRecord(
        kind="evaluation",
        format=3,
        id="",
        started="2026-01-01T00:00:00+00:00",
        environment=ENVIRONMENT,
        backend=BACKEND,
        bundle=BundleFacts("d", "s", "trained", (64, 64), {}),
        workload=Workload("ddim", 4, 3.0, 64, 64, 1, 0),
        scorers={},
        captions=(Caption(caption="a on red", label="a", colour="red", held_out=True),) * len(trials[0].scores.ssim),
        cut_captions=0,
        warm_up_s={},
        trials=trials,
        peak_rss_bytes=1,
    )
