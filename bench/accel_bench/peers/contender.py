"""A peer as a contender among our plans."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from accel_bench.peers.catalogue import PeerChoice
from accel_bench.peers.work import PeerWork
from accel_bench.peers.worker import Drew, Opened, Worker, adapter_command
from accel_bench.records.bench import PEER_PARTS, ImageRun, PeerRun
from accel_bench.timing.contender import Drawn
from accel_bench.timing.meters import Meters

# One deep call and, where a peer reuses features, one shallow call.
_WARM_UP_STEPS: Final = 2


class Residence(StrEnum):
    """What happens to a peer's process between two drawings.

    Attributes:
        STAY: It stays, idle.
        RESTART: It ends. Before the next drawing it is started, loaded and warmed up again, which is not timed.
    """

    STAY = "stay"
    RESTART = "restart"


@dataclass(eq=False)
class PeerContender:
    """Other software that draws the same request in its own process; implements `Contender`.

    Attributes:
        choice: The peer and its options.
        work: What it draws.
        python: Python of the environment that it runs in.
        model: Folder of the model that it opens.
        scratch: Folder for its pictures and its log.
        residence: Whether its process stays in memory between drawings.
        patience_s: Longest time in seconds for loading, and for one drawing.
        meters: Meters of the device that it draws on.
    """

    choice: PeerChoice
    work: PeerWork
    python: Path
    model: Path
    scratch: Path
    residence: Residence
    patience_s: float
    meters: Meters
    _worker: Worker | None = field(default=None, init=False)
    _opened: Opened | None = field(default=None, init=False)
    _peak_rss_bytes: int = field(default=0, init=False)

    @property
    def name(self) -> str:
        """The name that the user wrote."""
        return self.choice.name

    @property
    def pid(self) -> int | None:
        """Id of its process; None where none is running."""
        return self._worker.pid if self._worker else None

    def warm_up(self) -> float:
        """Open the model and draw a short image; returns the seconds of the image.

        Raises:
            PeerError: The peer failed.
        """
        with self._running() as worker:
            return self._draw(worker, _WARM_UP_STEPS).run.seconds

    def draw(self) -> Drawn:
        """Draw the work. After a restart, a short image is drawn first."""
        with self._running() as worker:
            if self.residence is Residence.RESTART:
                self._draw(worker, _WARM_UP_STEPS)
            return self._draw(worker, self.work.steps)

    def close(self) -> None:
        """End its process."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def record(self, images: Sequence[ImageRun], *, warm_up_s: float, picture: bytes | None) -> PeerRun:
        """Make the peer's part of a record, after it was measured.

        Args:
            images: Runs that `draw` returned, one per round.
            warm_up_s: Seconds that `warm_up` returned.
            picture: The first picture as PNG.
        """
        if self._opened is None:
            raise RuntimeError("a record of a peer that was never opened")
        calls = sum(PEER_PARTS.get(span.name) == "deep" for span in images[0].spans)
        more = (f"makes {calls} UNet calls, ours {self.work.calls}",) if calls != self.work.calls else ()
        return PeerRun(
            name=self.name,
            versions=self._opened.versions,
            settings={**self._opened.settings, "residence": self.residence.value},
            calls=calls,
            unequal=(*self._opened.unequal, *more),
            load_s=self._opened.load_s,
            warm_up_s=warm_up_s,
            images=tuple(images),
            peak_rss_bytes=self._peak_rss_bytes,
            picture=picture,
        )

    @contextmanager
    def _running(self) -> Iterator[Worker]:
        """The process with its model open. It ends afterwards unless it stays."""
        try:
            if self._worker is None:
                self._worker = self._start()
                opened = self._worker.ask({"do": "open", "work": self._told()}, Opened)
                self._opened = self._opened or opened
            yield self._worker
        except BaseException:
            self.close()
            raise
        if self.residence is Residence.RESTART:
            self.close()

    def _start(self) -> Worker:
        command = adapter_command(self.python, self.choice.kind.script)
        return Worker(self.name, command, log=self.scratch / "log.txt", patience_s=self.patience_s)

    def _draw(self, worker: Worker, steps: int) -> Drawn:
        picture = self.scratch / "picture.npy"
        before = self.meters.joules()
        drew = worker.ask({"do": "draw", "steps": steps, "picture": str(picture)}, Drew)
        after = self.meters.joules()
        joules = None if before is None or after is None else after - before
        self._peak_rss_bytes = max(self._peak_rss_bytes, drew.peak_rss_bytes)
        images: NDArray[np.uint8] = np.load(picture, allow_pickle=False)
        return Drawn(ImageRun(drew.seconds, drew.spans, joules=joules), images)

    def _told(self) -> dict[str, Any]:
        """The work in the form that `adapters/peer_protocol.py` reads."""
        work, latents = self.work, self.scratch / "latents.npy"
        np.save(latents, work.noise())
        same = ("prompt", "steps", "guidance", "seed", "height", "width", "batch", "threads")
        return {name: getattr(work, name) for name in same} | {
            "model": str(self.model),
            "scheduler": dict(work.scheduler),
            "schedule": str(work.schedule),
            "latents": str(latents),
            "options": list(self.choice.options),
        }
