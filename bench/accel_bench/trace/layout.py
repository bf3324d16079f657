"""The places of a record's images in time."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from accel_bench.benchmark.summary import PASSES
from accel_bench.records.bench import PEER_PARTS, BenchRecord, ImageRun, PeerRun, PlanRun
from accel_bench.records.parts import Span
from accel_bench.timing.measure import turns
from accel_bench.trace.events import Slice, slice_of
from accel_runtime.manifest import Part

_STAGES = ("prepare", "denoise", "decode")


def contenders(record: BenchRecord) -> tuple[PlanRun | PeerRun, ...]:
    """All contenders of a record, in the order of the first round."""
    return (*record.plans, *record.peers)


def title(contender: PlanRun | PeerRun) -> str:
    """The name of a contender."""
    return contender.facts.name if isinstance(contender, PlanRun) else contender.name


def parts_of(contender: PlanRun | PeerRun, record: BenchRecord) -> Mapping[str, Part]:
    """What the spans of a contender's images are, by name."""
    return record.bundle.parts if isinstance(contender, PlanRun) else PEER_PARTS


def calls_of(contender: PlanRun | PeerRun) -> tuple[int, ...]:
    """Numbers of the UNet calls that a contender's plan runs; none where they are just counted."""
    return contender.facts.running_calls if isinstance(contender, PlanRun) else ()


def timeline(record: BenchRecord) -> Iterator[tuple[float, int, PlanRun | PeerRun]]:
    """Start in seconds, round and contender of every image, one after another in the order they were drawn in.

    A record keeps no time between two images, so there is none but the yardstick's, which begins each round.
    """
    clock = 0.0
    for round_, (yardstick, turn) in enumerate(zip(record.yardstick_s, turns(contenders(record)), strict=False)):
        clock += yardstick
        for contender in turn:
            yield clock, round_, contender
            clock += contender.images[round_].seconds


def yardsticks(record: BenchRecord) -> Iterator[Slice]:
    """The fixed work that began each round."""
    firsts = {round_: start for start, round_, _ in reversed(list(timeline(record)))}
    for round_, seconds in enumerate(record.yardstick_s):
        yield slice_of("yardstick", "graph", firsts[round_] - seconds, seconds=seconds, args={"round": round_})


def image_slices(
    image: ImageRun,
    start_s: float,
    *,
    parts: Mapping[str, Part],
    args: dict[str, Any],
    calls: Sequence[int] = (),
    timesteps: Sequence[float] = (),
) -> Iterator[Slice]:
    """An image, its stages, and each run of a graph within them.

    Args:
        image: The drawing.
        start_s: Start in seconds.
        parts: What its spans are by name.
        args: Details shown with the image.
        calls: Numbers of the UNet calls that ran; without them, they are counted from 0.
        timesteps: Timestep of each UNet call that ran, where they are known.
    """
    yield slice_of("image", "image", start_s, seconds=image.seconds, args=args)
    ran = count()
    for span in sorted(image.spans, key=lambda span: span.start_s):
        category = _category(span, parts)
        shown: dict[str, Any] = {}
        if category in ("deep", "shallow"):
            at = next(ran)
            shown = {"call": calls[at] if at < len(calls) else at, "pass": category}
            shown |= {"timestep": timesteps[at]} if at < len(timesteps) else {}
        yield slice_of(span.name, category, start_s + span.start_s, seconds=span.seconds, args=shown)


def _category(span: Span, parts: Mapping[str, Part]) -> str:
    if span.name in _STAGES:
        return "stage"
    part = parts.get(span.name)
    return part if part in PASSES else "graph"
