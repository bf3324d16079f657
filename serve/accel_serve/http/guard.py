"""What stands before every endpoint: keys, hosts, sizes and times of bodies."""

import asyncio
import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from accel_runtime.errors import AccelError
from accel_serve.http.errors import RefusedError, answer_to
from accel_serve.http.keys import Keys
from accel_serve.http.limits import Limits
from accel_serve.http.metrics import Metrics

# What tells nothing and draws nothing: the pages, and whether the service lives.
_OPEN: Final = frozenset({"/", "/docs", "/openapi.json", "/health/live", "/health/ready"})
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PORT: Final = re.compile(r":[0-9]+$")
_UPLOAD: Final = "multipart/form-data"


@dataclass(frozen=True, slots=True, eq=False)
class Guard:
    """An ASGI application before another one.

    1. On loopback, the `Host` must be one too: a page elsewhere whose name was bound to 127.0.0.1 has another.
    2. A browser's `Origin` must be the `Host`: other pages cannot let their readers draw here.
    3. A key is asked, where there are any, for all but `_OPEN`.
    4. Bodies have a most length and must come in time.

    Attributes:
        app: Is asked if nothing is wrong.
        keys: Who may ask.
        limits: Of bodies.
        metrics: Counts answers.
        is_loopback: Whether the service listens on loopback alone.
        open_requests: How many requests are being answered, by the key `open`.
    """

    app: ASGIApp
    keys: Keys
    limits: Limits
    metrics: Metrics
    is_loopback: bool
    open_requests: Counter[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.open_requests["open"] += 1
        try:
            await self._answer(scope, receive, self._counting(send))
        finally:
            self.open_requests["open"] -= 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            self._check_host(headers)
            scope["client_name"] = self._client(scope, headers)
            most = self._most_bytes(headers)
        except RefusedError as error:
            await answer_to(error)(scope, receive, send)
            return
        await self.app(scope, self._bounded(receive, most), send)

    def _check_host(self, headers: Headers) -> None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if self.is_loopback and _PORT.sub("", host) not in _LOOPBACK:
            raise RefusedError(f"host {host[:80]!r}: expected localhost", status=403, code="forbidden_host")
        if origin is not None and origin.partition("://")[2] != host:
            raise RefusedError("origin: other sites' pages may not ask", status=403, code="forbidden_origin")

    def _client(self, scope: Scope, headers: Headers) -> str:
        """A name for whoever asks, so that clients take turns."""
        if not self.keys.are_asked or scope["path"] in _OPEN:
            return str((scope.get("client") or ("",))[0])
        client = self.keys.client(headers.get("authorization", ""))
        if client is None:
            expected = "authorization: expected `Bearer` and a key of this service"
            raise RefusedError(expected, status=401, code="invalid_api_key")
        return client

    def _most_bytes(self, headers: Headers) -> int:
        is_upload = headers.get("content-type", "").startswith(_UPLOAD)
        most = self.limits.upload_bytes if is_upload else self.limits.body_bytes
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > most:
            raise _too_large(most)
        return most

    def _bounded(self, receive: Receive, most: int) -> Receive:
        """The same body, which ends in an error where it is too long or too slow."""
        got, is_whole = 0, False
        ends = asyncio.get_running_loop().time() + self.limits.body_s

        async def bounded() -> Message:
            nonlocal got, is_whole
            if is_whole:  # what comes now is that the client goes away
                return await receive()
            try:
                async with asyncio.timeout_at(ends):
                    message = await receive()
            except TimeoutError as error:
                late = f"body: expected within {self.limits.body_s:g} seconds"
                raise RefusedError(late, status=408, code="request_timeout") from error
            got += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if got > most:
                raise _too_large(most)
            return message

        return bounded

    def _counting(self, send: Send) -> Send:
        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.metrics.answers.labels(str(message["status"])).inc()
            await send(message)

        return counting


def _too_large(most: int) -> AccelError:
    return RefusedError(f"body: expected at most {most:,} bytes", status=413, code="body_too_large")
