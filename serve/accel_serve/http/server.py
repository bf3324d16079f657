"""The process: sockets, signals, and a stop that leaves nobody without an answer."""

import asyncio
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Thread
from types import FrameType
from typing import Final

import uvicorn

from accel_runtime.errors import AccelError, InputError
from accel_serve.http.app import Service
from accel_serve.http.served import EngineOptions

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
# Of a stop: how long answers that are ready may take to be sent, and how long the socket still takes those who come
# late, to tell them.
_SENDING_S: Final = 10.0
_LATE_S: Final = 0.5
_LOOK_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where and how long a service runs.

    Attributes:
        host: Address to listen on.
        port: Port; 0 takes a free one, which the log tells.
        drain_s: Seconds that a stop gives to what was taken.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    drain_s: float = 30.0

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can ask."""
        return self.host in _LOOPBACK


class _Server(uvicorn.Server):
    """uvicorn, whose first signal begins a stop that answers everybody, and whose second one ends it."""

    def __init__(self, service: Service, options: ServerOptions) -> None:
        config = uvicorn.Config(
            service.application(is_loopback=options.is_loopback),
            host=options.host,
            port=options.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=int(_SENDING_S),
        )
        super().__init__(config)
        self._service, self._options = service, options
        self._is_stopping = False
        self.failure: AccelError | None = None

    async def startup(self, sockets: Sequence[object] | None = None) -> None:
        """Listen, and say where."""
        await super().startup(sockets)  # type: ignore[arg-type]
        for listening in self.servers:
            for each in listening.sockets:
                host, port = each.getsockname()[:2]
                self._service.log(f"listening on http://{f'[{host}]' if ':' in host else host}:{port}")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Begin to stop; once more stops at once."""
        if self._is_stopping:
            self.should_exit = self.force_exit = True
            return
        self._is_stopping = True
        Thread(target=self._drain, name="accel-drain", daemon=True).start()

    def _drain(self) -> None:
        """Finish what was taken, tell the others, and wait until all has been sent."""
        self._service.log(f"stopping: up to {self._options.drain_s:g} s for what was taken")
        engines = [served.engine for served in self._service.models.values() if served.engine is not None]
        closers = [
            Thread(target=engine.close, kwargs={"finish_s": self._options.drain_s}, daemon=True) for engine in engines
        ]
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join()
        ends = time.monotonic() + _SENDING_S
        quiet_since = time.monotonic()
        while time.monotonic() < ends and time.monotonic() - quiet_since < _LATE_S:
            if self._service.open_requests["open"]:
                quiet_since = time.monotonic()
            time.sleep(_LOOK_S)
        self.should_exit = True


def run(service: Service, engines: EngineOptions, options: ServerOptions) -> None:
    """Serve until a signal.

    Raises:
        AccelError: A bundle cannot be run, or the address cannot be listened on.
    """
    server = _Server(service, options)

    def warm_up() -> None:
        try:
            for served in service.models.values():
                served.warm_up(engines, metrics=service.metrics, say=service.log)
        except AccelError as error:
            server.failure = error
            server.should_exit = True

    Thread(target=warm_up, name="accel-warm-up", daemon=True).start()
    before = signal.getsignal(signal.SIGTERM)
    try:
        with service.log:
            asyncio.run(server.serve())
    except SystemExit as error:  # how uvicorn says that it cannot listen
        place = f"{options.host}:{options.port}"
        raise InputError(f"{place}: cannot be listened on: choose another --port or --host") from error
    finally:
        signal.signal(signal.SIGTERM, before)
    if server.failure is not None:
        raise server.failure
