"""A record as one file of trace events."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from accel_bench.records.bench import BenchRecord
from accel_bench.trace.events import Event, Track, name_events, slice_events, slice_of
from accel_bench.trace.layout import calls_of, contenders, image_slices, parts_of, timeline, title, yardsticks
from accel_bench.trace.operators import ProfiledImage
from accel_runtime.durable import write_bytes


class Trace(msgspec.Struct, frozen=True):
    """The whole file; its parts have the names of Chrome's format."""

    traceEvents: tuple[Event, ...]  # noqa: N815  # the format's name
    displayTimeUnit: str  # noqa: N815  # same
    otherData: dict[str, Any]  # noqa: N815  # same


def write_trace(record: BenchRecord, path: Path, *, profiled: Sequence[ProfiledImage] = ()) -> None:
    """Write ``record`` as a trace that Perfetto opens, whole or not at all.

    Args:
        record: Record of `accel bench`.
        path: The file, which is replaced if it exists.
        profiled: Images with their operators, drawn after the rounds and shown after them.

    Raises:
        InputError: The file cannot be written.
    """
    raw = msgspec.json.encode(make_trace(record, profiled=profiled))
    write_bytes(path, raw)


def make_trace(record: BenchRecord, *, profiled: Sequence[ProfiledImage] = ()) -> Trace:
    """A process per contender, one for the yardstick, and one per profiled image."""
    parts = chain(_rounds(record), _profiles(record, profiled))
    about = {
        "record": record.id,
        "started": record.started,
        "bundle": record.bundle.digest,
        "source": record.bundle.source,
        "backend": f"{record.backend.backend} {record.backend.version} on {record.backend.provider}",
    }
    return Trace(tuple(parts), displayTimeUnit="ms", otherData=about)


def _rounds(record: BenchRecord) -> Iterator[Event]:
    images = list(timeline(record))
    # A viewer takes process 0 for the system's idle task.
    for process, contender in enumerate(contenders(record), 1):
        yield from name_events(process, title(contender), threads={1: "images"})
        slices = chain.from_iterable(
            image_slices(
                each.images[round_],
                start,
                parts=parts_of(each, record),
                args={"round": round_},
                calls=calls_of(each),
            )
            for start, round_, each in images
            if each is contender
        )
        yield from slice_events(slices, Track(process, 1))
    process = len(contenders(record)) + 1
    yield from name_events(process, "yardstick", threads={1: "a fixed matrix product"})
    yield from slice_events(yardsticks(record), Track(process, 1))


def _profiles(record: BenchRecord, profiled: Sequence[ProfiledImage]) -> Iterator[Event]:
    ends = (start + contender.images[round_].seconds for start, round_, contender in timeline(record))
    clock = max(ends, default=0.0)
    for process, image in enumerate(profiled, len(contenders(record)) + 2):
        name = f"{image.name}, profiled and slower for it"
        yield from name_events(process, name, threads={1: "images", 2: "operators"})
        parts, args = record.bundle.parts, {"profiled": True}
        slices = image_slices(image.run, clock, parts=parts, args=args, calls=image.calls, timesteps=image.timesteps)
        yield from slice_events(slices, Track(process, 1))
        operators = (
            slice_of(
                each.name,
                "operator",
                clock + each.start_s,
                seconds=each.seconds,
                args={"node": each.node, "graph": each.graph, "provider": each.provider},
            )
            for each in image.operators
        )
        yield from slice_events(operators, Track(process, 2))
        clock += image.run.seconds
