"""The places of a record's images in time."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from accel_bench.benchmark.summary import DEEP, PEER_UNET
from accel_bench.records.bench import BenchRecord, ImageRun, PeerRun, PlanRun
from accel_bench.records.parts import Span
from accel_bench.timing.measure import turns
from accel_bench.trace.events import Slice, slice_of

_STAGES = ("prepare", "denoise", "decode")


def contenders(record: BenchRecord) -> tuple[PlanRun | PeerRun, ...]:
    """All contenders of a record, in the order of the first round."""
    return (*record.plans, *record.peers)


def title(contender: PlanRun | PeerRun) -> str:
    """The name of a contender."""
    return contender.facts.name if isinstance(contender, PlanRun) else contender.name


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
    image: ImageRun, start_s: float, *, args: dict[str, Any], timesteps: Sequence[float] = ()
) -> Iterator[Slice]:
    """An image, its stages, and each run of a graph within them.

    Args:
        image: The drawing.
        start_s: Start in seconds.
        args: Details shown with the image.
        timesteps: Timestep of each UNet call, where they are known.
    """
    yield slice_of("image", "image", start_s, seconds=image.seconds, args=args)
    calls = count()
    for span in sorted(image.spans, key=lambda span: span.start_s):
        category = _category(span)
        shown: dict[str, Any] = {}
        if category in ("deep", "shallow"):
            call = next(calls)
            shown = {"call": call, "pass": category}
            shown |= {"timestep": timesteps[call]} if call < len(timesteps) else {}
        yield slice_of(span.name, category, start_s + span.start_s, seconds=span.seconds, args=shown)


def _category(span: Span) -> str:
    if span.name in _STAGES:
        return "stage"
    if span.name in (DEEP, PEER_UNET):
        return "deep"
    return "shallow" if span.name.startswith("unet_shallow_") else "graph"
