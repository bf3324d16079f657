"""Time plans against each other: warm-up apart, rounds interleaved A B A B, every sample kept."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import TypeVar

from accel_bench.environment import Environment, peak_rss_bytes
from accel_bench.record import BundleFacts, Config, PlanRun, RunRecord
from accel_bench.spans import Span, Spans
from accel_runtime.bundle import Bundle
from accel_runtime.errors import InputError
from accel_runtime.pipeline import Pipeline
from accel_runtime.plan import Plan
from accel_runtime.request import Request

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plan under the name that the user gave it, and a short one that runs each of its graphs once."""

    name: str
    forecast: str
    plan: Plan
    warm_up: Plan


@dataclass(frozen=True, slots=True)
class Sample:
    """One image: seconds end to end, seconds in the loop, and every graph run."""

    image_s: float
    loop_s: float
    spans: tuple[Span, ...]


@dataclass(eq=False)
class Measurement:
    """Collects what `measure` yields; `record` is complete once it has ended."""

    warm_up_s: dict[str, float] = field(default_factory=dict)
    samples: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))


def measure(
    pipeline: Pipeline,
    spans: Spans,
    *,
    request: Request,
    candidates: Sequence[Candidate],
    rounds: int,
    measurement: Measurement,
) -> Iterator[str]:
    """Time every candidate once a round, yielding the name of what was just timed.

    The order turns by one each round, so that no plan always follows the same other.

    Args:
        pipeline: On a `TimedBackend`.
        spans: That backend's.
        request: What to draw.
        candidates: Distinct names.
        rounds: How many samples of each.
        measurement: Filled as the iterator goes.
    """
    if rounds < 1:
        raise InputError(f"rounds: expected 1 or more, got {rounds}")
    for candidate in candidates:
        warm = _sample(pipeline, spans, request=request, plan=candidate.warm_up)
        measurement.warm_up_s[candidate.name] = warm.image_s
        yield f"warm-up {candidate.name}"
    for _, candidate in interleave(candidates, rounds):
        sample = _sample(pipeline, spans, request=request, plan=candidate.plan)
        measurement.samples[candidate.name].append(sample)
        yield candidate.name


def interleave(items: Sequence[Item], rounds: int) -> Iterator[tuple[int, Item]]:
    """Yield every item once a round, with the round's number; the order turns by one from round to round."""
    for round_ in range(rounds):
        turn = round_ % len(items)
        yield from ((round_, item) for item in (*items[turn:], *items[:turn]))


def _sample(pipeline: Pipeline, spans: Spans, *, request: Request, plan: Plan) -> Sample:
    pipeline.forget_prompts()
    spans.take()
    started = perf_counter()
    steps = pipeline.denoise(request, plan)
    loop_started = perf_counter()
    latents = [step.latents for step in steps][-1]
    loop_ended = perf_counter()
    pipeline.decode(latents)
    ended = perf_counter()
    return Sample(image_s=ended - started, loop_s=loop_ended - loop_started, spans=spans.take())


def make_record(
    pipeline: Pipeline,
    *,
    environment: Environment,
    config: Config,
    candidates: Sequence[Candidate],
    measurement: Measurement,
) -> RunRecord:
    """The record of a finished measurement."""
    return RunRecord(
        format=1,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        environment=environment,
        backend=pipeline.describe(),
        bundle=bundle_facts(pipeline.bundle),
        config=config,
        warm_up_s=measurement.warm_up_s,
        plans=tuple(
            _plan_run(candidate, measurement.samples[candidate.name], names=_graph_names(pipeline.bundle))
            for candidate in candidates
        ),
        peak_rss_bytes=peak_rss_bytes(),
    )


def bundle_facts(bundle: Bundle) -> BundleFacts:
    """What a record keeps of a bundle."""
    manifest = bundle.manifest
    return BundleFacts(
        digest=bundle.digest,
        source=manifest.provenance.source,
        weights=manifest.provenance.weights,
        sample_size=manifest.model.sample_size,
        flops={name: graph.flops for name, graph in manifest.graphs.items()},
    )


def _graph_names(bundle: Bundle) -> dict[str, str]:
    manifest = bundle.manifest
    names = {graph.file: name for name, graph in manifest.graphs.items()}
    for form in manifest.forms.values():
        names |= {graph.file: name for name, graph in form.graphs.items()}
    if manifest.inductor is not None:
        names |= {package.file: name for name, package in manifest.inductor.graphs.items()}
    return names


def _plan_run(candidate: Candidate, samples: Sequence[Sample], *, names: Mapping[str, str]) -> PlanRun:
    plan = candidate.plan
    return PlanRun(
        name=candidate.name,
        branch=plan.branches[0] if plan.branches else None,
        forecast=candidate.forecast,
        calls=len(plan.calls),
        deep_calls=plan.deep_calls,
        image_s=tuple(sample.image_s for sample in samples),
        loop_s=tuple(sample.loop_s for sample in samples),
        graph_s=tuple(_by_graph(sample.spans, names) for sample in samples),
    )


def _by_graph(spans: Sequence[Span], names: Mapping[str, str]) -> dict[str, tuple[float, ...]]:
    times: dict[str, list[float]] = defaultdict(list)
    for span in spans:
        times[names[span.graph]].append(span.seconds)
    return {graph: tuple(seconds) for graph, seconds in times.items()}
