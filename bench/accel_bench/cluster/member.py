"""A worker of a crew, on its own machine. What goes wrong is an answer: exceptions lose their type on the way."""

import pickle
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from accel_bench.base.crew import Work, Worker
from accel_bench.cluster.bundles import Parcel, find_bundle, unpack
from accel_bench.records.environment import available_cores
from accel_runtime.backends import BackendDescription
from accel_runtime.errors import AccelError, BackendError, first_line


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is opened with.

    Attributes:
        version: Version of accel where the work was ordered.
        work: The `Work`, pickled: it is read only where the version is the same.
        cpus: Processors that the worker may use.
        on_cpu: Whether they are its device.
        parcel: The bundle; None where it may be there.
    """

    version: str
    work: bytes
    cpus: int
    on_cpu: bool
    parcel: Parcel | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """The worker is open.

    Attributes:
        ran: What runs its graphs.
    """

    ran: BackendDescription


@dataclass(frozen=True, slots=True)
class Lacking:
    """The machine does not have the bundle."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an item."""

    done: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """Why it cannot be done, in one line."""

    reason: str
    exit_code: int


class Member:
    """The actor."""

    def __init__(self) -> None:
        self._worker: Worker[Any, Any] | None = None

    def open(self, order: Order) -> Opened | Lacking | Failed:
        """Open the work's bundle and a worker on it."""
        try:
            return self._open(order)
        except AccelError as error:
            return Failed(str(error), error.exit_code)
        except (OSError, MemoryError) as error:
            return Failed(first_line(error), BackendError.exit_code)

    def do(self, item: Any) -> Answer | Failed:
        """Let the worker do an item."""
        if self._worker is None:
            return Failed("asked before it was opened", BackendError.exit_code)
        try:
            return Answer(self._worker.do(item))
        except AccelError as error:
            return Failed(str(error), error.exit_code)
        except (OSError, MemoryError) as error:
            return Failed(f"{item}: {first_line(error)}", BackendError.exit_code)

    def _open(self, order: Order) -> Opened | Lacking | Failed:
        if (own := version("accel-sd")) != order.version:
            return Failed(f"has accel {own}, not {order.version}: install the same on all machines", 1)
        work: Work[Any, Any] = pickle.loads(order.work)  # noqa: S301  # of the driver, who may run anything here anyway
        folder = find_bundle(work.bundle, work.digest)
        if folder is None and order.parcel is None:
            return Lacking()
        if folder is None and order.parcel is not None:
            import ray  # noqa: PLC0415  # an extra brings it

            folder = unpack(order.parcel, work.digest, get=ray.get)
        assert folder is not None  # noqa: S101  # one of the three
        fewer = order.on_cpu and order.cpus < available_cores()
        self._worker = work.open(folder, threads=order.cpus if fewer else None)
        return Opened(self._worker.describe())
