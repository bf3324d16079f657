"""The way to a cluster of Ray's."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from accel_bench.base.crew import Done, Item, Work
from accel_bench.base.extras import extra
from accel_bench.cluster.crew import RayCrew
from accel_runtime.errors import BackendError, InputError, first_line


@contextmanager
def open_crew(address: str, work: Work[Item, Done], *, tell: Callable[[str], None]) -> Iterator[RayCrew[Item, Done]]:
    """The workers of a cluster within the block; they end with it.

    Args:
        address: `auto`, or HOST:PORT of the cluster's head.
        work: What they do.
        tell: Is told of lost workers.

    Raises:
        MissingExtraError: Ray is not installed.
        InputError: The address is none.
        BackendError: There is no cluster, or it has no device that the work runs on.
    """
    with extra("distributed"):
        import ray  # noqa: PLC0415  # it takes a second
    with _connected(ray, address):
        crew = RayCrew(ray, work, tell=tell)
        try:
            yield crew
        finally:
            crew.close()


@contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    if "://" in address or not address:
        raise InputError(f"--ray {address!r}: expected auto, or HOST:PORT of the cluster's head")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise BackendError(f"--ray {address}: no cluster: {first_line(error)}") from error
    # Ray puts its own in the place of the command's.
    signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        ray.shutdown()
