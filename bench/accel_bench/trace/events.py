"""Slices of time and the trace events that stand for them.

The format is Chrome's, "Trace Event Format", JSON objects of phases `X` (a slice) and `M` (a name), which Perfetto and
`chrome://tracing` open. Slices of one track must lie within each other or apart; times are microseconds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

# Perfetto chooses colours by name; only Chrome's older viewer reads these.
_COLOURS: Final = {"deep": "bad", "shallow": "good", "stage": "grey"}
_NANO: Final = 1_000_000_000


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One trace event.

    Attributes:
        name: Name of the slice; `process_name`, `process_sort_index` or `thread_name` if the event names something.
        ph: `X` for a slice, `M` for a name.
        ts: Start in microseconds.
        dur: Duration in microseconds.
        cat: `image`, `stage`, `deep`, `shallow`, `graph` or `operator`.
        cname: Colour in Chrome's viewer.
    """

    name: str
    ph: str
    pid: int
    tid: int
    ts: float | None = None
    dur: float | None = None
    cat: str | None = None
    cname: str | None = None
    args: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Track:
    """A line of slices: a process and a thread in it."""

    process: int
    thread: int


@dataclass(frozen=True, slots=True)
class Slice:
    """A piece of time.

    Attributes:
        start: Start in nanoseconds, so that no rounding makes neighbours overlap.
        end: End in nanoseconds.
    """

    name: str
    category: str
    start: int
    end: int
    args: dict[str, Any] = field(default_factory=dict)


def slice_of(name: str, category: str, start_s: float, *, seconds: float, args: dict[str, Any] | None = None) -> Slice:
    """A slice from seconds."""
    return Slice(name, category, round(start_s * _NANO), round((start_s + seconds) * _NANO), args or {})


def nested(slices: Iterable[Slice]) -> Iterator[Slice]:
    """Slices by their start, each cut to the end of the slice around it, as viewers require.

    What is cut is the rounding of seconds and the ticks between two readings of the clock.
    """
    around: list[Slice] = []
    for each in sorted(slices, key=lambda each: (each.start, -each.end)):
        while around and around[-1].end <= each.start:
            around.pop()
        fitting = replace(each, end=min(each.end, around[-1].end)) if around else each
        around.append(fitting)
        yield fitting


def slice_events(slices: Iterable[Slice], track: Track) -> Iterator[Event]:
    """The events of one track's slices."""
    for each in nested(slices):
        yield Event(
            each.name,
            "X",
            track.process,
            track.thread,
            ts=each.start / 1000,
            dur=(each.end - each.start) / 1000,
            cat=each.category,
            cname=_COLOURS.get(each.category),
            args=each.args,
        )


def name_events(process: int, name: str, *, threads: dict[int, str]) -> Iterator[Event]:
    """The events that name a process and its threads; processes are listed by their number."""
    yield Event("process_name", "M", process, 0, args={"name": name})
    yield Event("process_sort_index", "M", process, 0, args={"sort_index": process})
    for thread, title in threads.items():
        yield Event("thread_name", "M", process, thread, args={"name": title})
