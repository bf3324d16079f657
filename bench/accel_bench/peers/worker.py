"""A peer's process. Requests and replies are JSON objects, one per line."""

import select
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from accel_bench.base.errors import PeerError
from accel_bench.base.process import failure
from accel_bench.peers.environments import environ
from accel_bench.records.parts import Span
from accel_runtime.base.reading import decode_json

ADAPTERS: Final = Path(__file__).parent / "adapters"
Reply = TypeVar("Reply", bound=msgspec.Struct)


class Opened(msgspec.Struct, frozen=True):
    """The reply to a request to open the model; see `accel_bench.records.bench.PeerRun`."""

    load_s: float
    versions: dict[str, str]
    settings: dict[str, str | int | float | bool]
    unequal: tuple[str, ...]


class Drew(msgspec.Struct, frozen=True):
    """The reply to a request to draw, sent when the picture is written."""

    seconds: float
    spans: tuple[Span, ...]
    peak_rss_bytes: int


class _Failed(msgspec.Struct, frozen=True):
    """The reply to any request that failed."""

    error: str | None = None


class Worker:
    """A running adapter.

    Args:
        name: Name of the peer, for messages.
        command: Command that starts the adapter.
        log: File for its stderr.
        patience_s: Longest time in seconds for one reply.
    """

    def __init__(self, name: str, command: Sequence[str], *, log: Path, patience_s: float) -> None:
        self.name = name
        self._log, self._patience_s = log, patience_s
        with log.open("wb") as stderr:
            variables = environ() | {"PYTHONPATH": str(ADAPTERS)}  # adapters import each other
            self._process = subprocess.Popen(  # noqa: S603  # an adapter of ours
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env=variables
            )

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self._process.pid

    def ask(self, request: Mapping[str, Any], reply: type[Reply]) -> Reply:
        """Send ``request`` and return the reply.

        Raises:
            PeerError: The peer failed, ended, or took too long.
        """
        line = self._exchange(msgspec.json.encode(request) + b"\n")
        who = f"peer {self.name}"
        said = decode_json(line, _Failed, path=who, error=PeerError)
        if said.error is not None:
            raise PeerError(f"{who}: {said.error}")
        return decode_json(line, reply, path=who, error=PeerError)

    def close(self) -> None:
        """End the process; what it holds is given back when this returns."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def _exchange(self, line: bytes) -> bytes:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None, "both are pipes"  # noqa: S101, PT018
        try:
            stdin.write(line)
            stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        ready, _, _ = select.select([stdout], [], [], self._patience_s)
        if not ready:
            last = self._said().rpartition("\n")[2] or "none"
            raise PeerError(f"peer {self.name}: no reply within {self._patience_s:g} s; its last output: {last}")
        answer = stdout.readline()
        if not answer:
            raise self._ended()
        return answer

    def _ended(self) -> PeerError:
        return PeerError(f"peer {self.name}: {failure(self._process.wait(), self._said())}")

    def _said(self) -> str:
        return self._log.read_text(errors="replace").strip()


def adapter_command(python: Path, script: Sequence[str]) -> list[str]:
    """The command that starts an adapter."""
    file, *arguments = script
    return [str(python), str(ADAPTERS / file), *arguments]
