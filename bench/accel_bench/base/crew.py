"""The seam between work and who does it: this process, or many of a cluster's (docs/design/0026-jobs.md)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from accel_runtime.backends import BackendDescription

Item = TypeVar("Item")
Done = TypeVar("Done")
Item_contra = TypeVar("Item_contra", contravariant=True)
Done_co = TypeVar("Done_co", covariant=True)


class Worker(Protocol[Item_contra, Done_co]):
    """Does one item at a time, and keeps nothing that a later one depends on."""

    def do(self, item: Item_contra) -> Done_co:
        """Do an item; the same item becomes the same, whoever does it."""
        ...

    def describe(self) -> BackendDescription:
        """What really runs its graphs."""
        ...


class Work(Protocol[Item_contra, Done_co]):
    """A small value that a worker is opened from, on any machine; it is pickled.

    Attributes:
        bundle: Folder of the bundle where the work was ordered.
        digest: Digest that the bundle must have.
        provider: Name of the backend, as `make_backend` takes it.
    """

    @property
    def bundle(self) -> Path: ...  # noqa: D102

    @property
    def digest(self) -> str: ...  # noqa: D102

    @property
    def provider(self) -> str: ...  # noqa: D102

    def open(self, folder: Path, *, threads: int | None = None) -> Worker[Item_contra, Done_co]:
        """Open the bundle in ``folder`` with all hashes, and a worker on it.

        Args:
            folder: The bundle's folder on this machine.
            threads: Threads of a call; None leaves them to the backend.

        Raises:
            AccelError: It is another bundle, or cannot be run here.
        """
        ...


class Crew(Protocol[Item, Done_co]):
    """Workers of one work."""

    def map(self, items: Iterable[Item]) -> Iterator[tuple[Item, Done_co]]:
        """Let each item be done once, and yield it with what became of it, in any order.

        Items are taken as workers get free. Who stops early abandons what is not yielded.

        Raises:
            AccelError: Of the work itself, or there are no workers.
        """
        ...


def version_of(ran: BackendDescription) -> str:
    """What must be the same for two workers to draw the same."""
    return " ".join([ran.backend, ran.version, ran.provider, str(ran.options.get("form", "plain"))])


@dataclass(frozen=True, slots=True)
class Here(Generic[Item, Done]):
    """One worker in this process, in the items' order."""

    worker: Worker[Item, Done]

    def map(self, items: Iterable[Item]) -> Iterator[tuple[Item, Done]]:
        """See `Crew.map`."""
        for item in items:
            yield item, self.worker.do(item)
