"""Statistics of a benchmark's record, which itself holds only raw samples."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, count
from statistics import median
from typing import Final, get_args

import msgspec

from accel_bench.base.stats import Spread, ratios
from accel_bench.quality.psnr import psnr
from accel_bench.records.bench import PEER_PARTS, BenchRecord, ImageRun, PeerRun, PlanRun
from accel_bench.records.parts import BundleFacts, PlanFacts, Span
from accel_runtime.manifest import Part, Role

# The parts of an image's time that are passes of the UNet.
PASSES: Final[frozenset[Part]] = frozenset({"deep", "shallow"})
_ORDER: Final[Sequence[Part]] = get_args(Part)


class GraphSummary(msgspec.Struct, frozen=True):
    """One graph over all plans and rounds.

    Attributes:
        graph: Name of the graph.
        seconds: Seconds of one run; for the UNet's graphs, of a guided one.
        of_deep: Its median over that of the deep pass; None for graphs that are not the UNet's.
    """

    graph: str
    seconds: Spread
    of_deep: float | None


class Stages(msgspec.Struct, frozen=True):
    """Where an image's time goes, as medians in seconds.

    Attributes:
        text: The prompt's encoding.
        deep: All deep calls.
        shallow: All shallow calls.
        update: The denoising loop outside the UNet: guidance, schedule, forecasts.
        vae: The decoder's graph.
        other: The first noise, binding, and pixels from the decoder's output.
    """

    text: float
    deep: float
    shallow: float
    update: float
    vae: float
    other: float


class PlanSummary(msgspec.Struct, frozen=True):
    """One plan against the baseline of the same rounds.

    Attributes:
        calls: UNet calls of the schedule.
        deep: How many of them run the whole UNet.
        skipped: How many of them run nothing.
        image_s: Seconds end to end, for a whole batch.
        speedup: Baseline's seconds over this plan's, round by round.
        unet_speedup: Speed-up of the UNet's graphs alone.
        unet_ceiling: Speed-up of the UNet that the FLOPs of its calls allow.
        update_us: Microseconds per running call that the loop spends outside the UNet.
        psnr: PSNR in dB of the first round's pictures against the baseline's; None where no pixel differs.
        joules: Energy of one batch of images; None where the device does not tell.
    """

    name: str
    calls: int
    deep: int
    skipped: int
    image_s: Spread
    stages: Stages
    speedup: Spread
    unet_speedup: Spread
    unet_ceiling: float
    update_us: float
    psnr: float | None
    joules: float | None


class PeerSummary(msgspec.Struct, frozen=True):
    """Other software against the baseline of the same rounds.

    Attributes:
        call_s: Seconds of one UNet call; None where the peer does not tell.
        speedup: Baseline's seconds over the peer's, round by round.
        speedup_per_call: Speed-up if the peer made as many UNet calls as the baseline.
        behind: For each plan of ours, the peer's seconds over the plan's, round by round.
    """

    name: str
    calls: int
    image_s: Spread
    call_s: Spread | None
    speedup: Spread
    speedup_per_call: Spread
    behind: dict[str, Spread]
    joules: float | None


class Summary(msgspec.Struct, frozen=True):
    """The figures that `accel bench` prints of a record."""

    graphs: tuple[GraphSummary, ...]
    plans: tuple[PlanSummary, ...]
    peers: tuple[PeerSummary, ...]


def summarise(record: BenchRecord) -> Summary:
    """Statistics of ``record``."""
    graphs, parts = _graph_times(record), record.bundle.parts
    deep_s = median(graphs[record.bundle.graph_of(Role("deep"))])
    return Summary(
        graphs=tuple(
            GraphSummary(
                graph=graph,
                seconds=Spread.of(times),
                of_deep=median(times) / deep_s if parts[graph] in PASSES else None,
            )
            for graph, times in sorted(graphs.items(), key=lambda item: (_ORDER.index(parts[item[0]]), item[0]))
        ),
        plans=tuple(_plan(run, record) for run in record.plans),
        peers=tuple(_peer(run, record) for run in record.peers),
    )


def image_seconds(run: PlanRun | PeerRun) -> list[float]:
    """Seconds of each image, in order."""
    return [image.seconds for image in run.images]


def unet_runs(facts: PlanFacts, bundle: BundleFacts, *, guidance: float) -> Counter[tuple[str, int]]:
    """How often a plan runs each graph of the UNet, by graph and halves of its batch: 2 in guided calls, else 1."""
    halves = 2 if guidance > 1 and bundle.guidance == "halves" else 1
    return Counter(
        (bundle.graph_of(facts.role_of(call)), halves if facts.plan.guides(call) else 1) for call in facts.running_calls
    )


def part_seconds(image: ImageRun, parts: Mapping[str, Part], wanted: Collection[Part]) -> float:
    """Seconds that an image spent in graphs of the wanted parts.

    Args:
        image: The image.
        parts: What its spans are, by name: `BundleFacts.parts`, or `PEER_PARTS`.
        wanted: Which parts count.
    """
    return sum(span.seconds for span in image.spans if parts.get(span.name) in wanted)


def _stages(image: ImageRun, parts: Mapping[str, Part]) -> Stages:
    """Where one image's time went."""
    deep, shallow = part_seconds(image, parts, {"deep"}), part_seconds(image, parts, {"shallow"})
    text, vae = part_seconds(image, parts, {"text"}), part_seconds(image, parts, {"decoder"})
    update = sum(span.seconds for span in image.spans if span.name == "denoise") - deep - shallow
    return Stages(text, deep, shallow, update, vae, other=image.seconds - text - deep - shallow - update - vae)


def _plan(run: PlanRun, record: BenchRecord) -> PlanSummary:
    baseline, facts = record.plans[0], run.ran
    parts = [_stages(image, record.bundle.parts) for image in run.images]
    middle = Stages(*(median(getattr(part, name) for part in parts) for name in Stages.__struct_fields__))
    return PlanSummary(
        name=facts.name,
        calls=facts.calls,
        deep=len(facts.deep_calls),
        skipped=len(facts.plan.skip),
        image_s=Spread.of(image_seconds(run)),
        stages=middle,
        speedup=Spread.of(ratios(image_seconds(baseline), image_seconds(run))),
        unet_speedup=Spread.of(ratios(_unet_seconds(baseline, record), _unet_seconds(run, record))),
        unet_ceiling=_unet_flops(baseline.facts, record) / _unet_flops(facts, record),
        update_us=middle.update / len(facts.running_calls) * 1e6,
        psnr=psnr(run.squared_errors) if run.squared_errors else None,
        joules=_joules(run.images),
    )


def _peer(run: PeerRun, record: BenchRecord) -> PeerSummary:
    baseline, seconds = record.plans[0], image_seconds(run)
    calls = [span.seconds for image in run.images for span in image.spans if PEER_PARTS.get(span.name) == "deep"]
    # Only the UNet's share of the time scales with the number of its calls.
    share = (run.calls - baseline.facts.calls) / run.calls
    spare = [share * part_seconds(image, PEER_PARTS, PASSES) for image in run.images]
    equal = [whole - extra for whole, extra in zip(seconds, spare, strict=True)]
    return PeerSummary(
        name=run.name,
        calls=run.calls,
        image_s=Spread.of(seconds),
        call_s=Spread.of(calls) if calls else None,
        speedup=Spread.of(ratios(image_seconds(baseline), seconds)),
        speedup_per_call=Spread.of(ratios(image_seconds(baseline), equal)),
        behind={plan.facts.name: Spread.of(ratios(seconds, image_seconds(plan))) for plan in record.plans},
        joules=_joules(run.images),
    )


def _joules(images: Sequence[ImageRun]) -> float | None:
    # Where a counter started again in between, the difference is negative.
    read = [image.joules for image in images if image.joules is not None and image.joules > 0]
    return median(read) if read else None


def _unet_seconds(run: PlanRun, record: BenchRecord) -> list[float]:
    return [part_seconds(image, record.bundle.parts, PASSES) for image in run.images]


def _unet_flops(facts: PlanFacts, record: BenchRecord) -> float:
    runs = unet_runs(facts, record.bundle, guidance=record.workload.guidance)
    return sum(times * halves * record.bundle.graphs[graph].flops for (graph, halves), times in runs.items())


def _graph_times(record: BenchRecord) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {}
    for plan in record.plans:
        for image in plan.images:
            for span in _guided_spans(image, plan.facts, record.bundle.parts):
                times.setdefault(span.name, []).append(span.seconds)
    return times


def _guided_spans(image: ImageRun, facts: PlanFacts, parts: Mapping[str, Part]) -> Iterator[Span]:
    """The graphs' spans of an image without unguided calls of the UNet, which do half the work of the others."""
    calls = chain(facts.running_calls, count(facts.calls))
    for span in image.spans:
        part = parts.get(span.name)
        if part is not None and (part not in PASSES or facts.plan.guides(next(calls))):
            yield span
