"""The protocol between adapters and `accel bench`: one JSON object per line, requests on stdin, replies on stdout.

Adapters run in the peers' environments, so this file and the adapters need only Python 3.11, numpy and the peer's own
packages.

    {"do": "open", "work": {...}}                        → {"load_s", "versions", "settings", "unequal"}
    {"do": "draw", "steps": 20, "picture": "a.npy"}      → {"seconds", "spans", "peak_rss_bytes"}
    any request that fails                               → {"error": one line}

The end of stdin ends the process.
"""

import json
import os
import resource
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Work:
    """What the peer draws; see `accel_bench.peers.work.PeerWork`.

    Attributes:
        model: The folder that the peer opens: the weights, a conversion of them, or the bundle.
        scheduler: The scheduler's config in diffusers, with its `_class_name`.
        schedule: The bundle's file of tables of the same scheduler.
        latents: A .npy file with unit-variance noise. Shape: [B, C, h, w].
        threads: Number of threads; None leaves it to the peer.
        options: Options that the user wrote after the peer's name.
    """

    model: str
    prompt: str
    steps: int
    scheduler: dict[str, Any]
    schedule: str
    guidance: float
    seed: int
    height: int
    width: int
    batch: int
    threads: int | None
    latents: str
    options: list[str]

    def noise(self) -> NDArray[np.float32]:
        """The initial latents, not yet scaled by the scheduler. Shape: [B, C, h, w]."""
        values: NDArray[np.float32] = np.load(self.latents, allow_pickle=False)
        return values


@dataclass
class Clock:
    """The spans of the current drawing: name, start in seconds since the drawing began, and seconds."""

    origin: float = 0.0
    spans: list[tuple[str, float, float]] = field(default_factory=list)

    def begin(self) -> None:
        """Begin a drawing."""
        self.spans = []
        self.origin = perf_counter()

    def note(self, name: str, started: float) -> None:
        """Add a span that began at ``started``, a value of `perf_counter`, and ends now."""
        self.spans.append((name, started - self.origin, perf_counter() - started))

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Add a span for the block."""
        started = perf_counter()
        yield
        self.note(name, started)


class Peer(Protocol):
    """An open model."""

    @property
    def packages(self) -> tuple[str, ...]:
        """Packages whose versions are recorded."""
        ...

    @property
    def settings(self) -> Mapping[str, str | int | float | bool]:
        """Settings that are recorded."""
        ...

    @property
    def unequal(self) -> tuple[str, ...]:
        """What could not be made equal to the other contenders, in words."""
        ...

    def draw(self, steps: int) -> NDArray[np.uint8]:
        """Draw the work in ``steps`` steps, with a span `unet` for each UNet call. Shape: [B, H, W, 3]."""
        ...


def serve(open_peer: Callable[[Work, Clock], Peer]) -> None:
    """Answer requests until stdin ends."""
    replies, worker = _take_stdout(), _Worker(open_peer)
    for line in sys.stdin:
        replies.write(json.dumps(worker.answer(json.loads(line))) + "\n")
        replies.flush()


class _Worker:
    def __init__(self, open_peer: Callable[[Work, Clock], Peer]) -> None:
        self._open_peer, self._clock = open_peer, Clock()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._open(request) if request["do"] == "open" else self._draw(request)
        # The user sees one line of whatever the peer's libraries raise; the traceback goes to stderr.
        except Exception as error:  # noqa: BLE001
            traceback.print_exc()
            return {"error": f"{type(error).__name__}: {(str(error).strip() or 'no reason given').splitlines()[0]}"}

    def _open(self, request: dict[str, Any]) -> dict[str, Any]:
        started = perf_counter()
        self._peer = self._open_peer(Work(**request["work"]), self._clock)
        return {
            "load_s": perf_counter() - started,
            "versions": {name: version(name) for name in self._peer.packages},
            "settings": dict(self._peer.settings),
            "unequal": list(self._peer.unequal),
        }

    def _draw(self, request: dict[str, Any]) -> dict[str, Any]:
        self._clock.begin()
        images = self._peer.draw(request["steps"])
        seconds = perf_counter() - self._clock.origin
        np.save(request["picture"], images)
        return {"seconds": seconds, "spans": self._clock.spans, "peak_rss_bytes": _peak_rss_bytes()}


def _take_stdout() -> IO[str]:
    """Keep the real stdout for replies; what libraries print goes to stderr from now on."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return replies


def _peak_rss_bytes() -> int:
    # On Linux, ru_maxrss of a child starts at its parent's value; VmHWM is the child's own.
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
