"""The graph runs of one image per contender, on one axis of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from accel_bench.records.bench import PEER_PARTS, BenchRecord, ImageRun
from accel_bench.records.parts import Span
from accel_bench.report.charts.axis import Axis, grid_across
from accel_bench.report.charts.stages import STAGES, legend, stage_of
from accel_bench.report.charts.svg import Figure, Key, Rect, Shape, Text
from accel_bench.report.words import Unit, duration, shorten
from accel_runtime.manifest import Part

_ROW: Final = 56
_TRACK: Final = 22
_TOP: Final = 22


@dataclass(frozen=True, slots=True)
class Track:
    """One image of a contender, and what its spans are by name."""

    name: str
    image: ImageRun
    parts: Mapping[str, Part]

    def stage_of(self, span: Span) -> str | None:
        """The stage of a span of the image; see `stages.stage_of`."""
        return stage_of(span.name, self.parts)


def tracks(record: BenchRecord) -> list[Track]:
    """The median image of each contender that recorded when its graphs ran."""
    found = [Track(plan.facts.name, median_image(plan.images), record.bundle.parts) for plan in record.plans]
    found += [Track(peer.name, median_image(peer.images), PEER_PARTS) for peer in record.peers]
    return [track for track in found if track.image.spans]


def median_image(images: Sequence[ImageRun]) -> ImageRun:
    """The image with the median time; of two in the middle, the faster one."""
    return sorted(images, key=lambda image: image.seconds)[(len(images) - 1) // 2]


def timeline(name: str, rows: Sequence[Track]) -> Figure:
    """Draw one line per contender."""
    axis = Axis(0, max(row.image.seconds for row in rows) or 1)
    unit = Unit.fit(row.image.seconds for row in rows)
    bottom = _TOP + _ROW * (len(rows) - 1) + _TRACK + 6
    shapes = grid_across(axis, top=_TOP - 4, bottom=bottom, unit=f" {unit.name}", factor=unit.per_second)
    for index, row in enumerate(rows):
        shapes += _draw(row, axis, unit=unit, top=_TOP + _ROW * index)
    kinds = {stage for row in rows for span in row.image.spans if (stage := row.stage_of(span))}
    return Figure(
        name=name,
        title="The calls of one image",
        description="; ".join(_describe(row) for row in rows),
        height=bottom + 22,
        shapes=shapes,
        legend=[*legend(kinds), Key("idle", "between graphs")],
        note="The image of median time of each.",
    )


def _draw(row: Track, axis: Axis, *, unit: Unit, top: float) -> list[Shape]:
    seconds = row.image.seconds
    shapes: list[Shape] = [
        Text(0, top - 7, shorten(row.name), kind="name"),
        Text(100, top - 7, unit.amount(seconds), "end", "value"),
        Rect(0, top, axis.across(seconds), _TRACK, "idle"),
    ]
    runs = sorted((span for span in row.image.spans if row.stage_of(span)), key=lambda span: span.start_s)
    return shapes + [_block(span, axis, kind=f"block {row.stage_of(span)}", top=top) for span in runs]


def _block(span: Span, axis: Axis, *, kind: str, top: float) -> Rect:
    label = f"{span.name} at {duration(span.start_s)}: {duration(span.seconds)}"
    return Rect(axis.across(span.start_s), top, axis.across(span.seconds), _TRACK, kind, label)


def _describe(row: Track) -> str:
    stages = [row.stage_of(span) for span in row.image.spans]
    counts = ", ".join(f"{stages.count(kind)} × {name}" for kind, name in STAGES.items() if kind in stages)
    return f"{row.name}: {counts} in {duration(row.image.seconds)}"
