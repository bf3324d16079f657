"""From an order to an answer: one JSON document, one picture, or a stream of events."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response, StreamingResponse

from accel_serve.engine.engine import Handle
from accel_serve.engine.order import Drawn, Event, Failed, Finished, Order, Preview, Progress
from accel_serve.errors import CancelledError
from accel_serve.http.errors import body_of
from accel_serve.http.fields import Generation
from accel_serve.http.pictures import TYPES, Pixels, encode
from accel_serve.http.plans import Chosen
from accel_serve.http.served import Served

Kind = Literal["image_generation", "image_edit"]

# Seconds after which a stream says that it lives; proxies close silent ones after 30 or 60.
_ALIVE_S: Final = 15.0
_QUALITY: Final = 100


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """A request on its way.

    Attributes:
        served: The bundle.
        fields: What was asked.
        chosen: The plan that runs.
        order: What the engine is told.
        kind: Names the events of a stream.
    """

    served: Served
    fields: Generation
    chosen: Chosen
    order: Order
    kind: Kind
    _events: "asyncio.Queue[Event]" = field(default_factory=asyncio.Queue, init=False)

    async def answer(self, request: HttpRequest) -> Response:
        """Draw, and answer once all is drawn; or begin to stream.

        Raises:
            AccelError: It was not drawn.
        """
        handle = self._submit()
        if self.fields.stream:
            headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no", **self._headers}
            return StreamingResponse(self._stream(handle), media_type="text/event-stream", headers=headers)
        drawn: list[Drawn] = []
        try:
            async for event in self._until_gone(request):
                if isinstance(event, Failed):
                    raise event.error
                if isinstance(event, Finished):
                    return await self._document(sorted(drawn, key=lambda each: each.image), event)
                if isinstance(event, Drawn):
                    drawn.append(event)
        finally:
            handle.cancel()
        raise CancelledError("the client went away")

    def _submit(self) -> Handle:
        loop, tells_progress = asyncio.get_running_loop(), bool(self.fields.stream and self.fields.progress)

        def tell(event: Event) -> None:
            if tells_progress or not isinstance(event, Progress):
                # A loop that is closed has no clients.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._events.put_nowait, event)

        return self.served.ready.submit(self.order, tell)

    async def _until_gone(self, request: HttpRequest) -> AsyncIterator[Event]:
        """Events until the client goes away."""
        gone = asyncio.ensure_future(_gone(request))
        try:
            while True:
                event = asyncio.ensure_future(self._events.get())
                await asyncio.wait({gone, event}, return_when=asyncio.FIRST_COMPLETED)
                if not event.done():
                    event.cancel()
                    return
                yield event.result()
        finally:
            gone.cancel()

    async def _document(self, drawn: Sequence[Drawn], finished: Finished) -> Response:
        files = [await self._encode(each.pixels) for each in drawn]
        if self.fields.response_format == "file":
            name = f"image.{self.fields.format}"
            headers = {"Content-Disposition": f'attachment; filename="{name}"', **self._headers}
            return Response(files[0], media_type=TYPES[self.fields.format], headers=headers)
        data = [{"b64_json": _text(content), "seed": each.seed} for content, each in zip(files, drawn, strict=True)]
        seconds = {"queued": round(finished.queued_s, 6), "drawn": round(finished.drawn_s, 6)}
        return JSONResponse({"data": data, **self._facts(drawn[0].pixels), "seconds": seconds}, headers=self._headers)

    async def _stream(self, handle: Handle) -> AsyncIterator[bytes]:
        """Server-sent events as OpenAI names them, and `progress` after each call where that is asked for."""
        try:
            while True:
                try:
                    event = await asyncio.wait_for(self._events.get(), _ALIVE_S)
                except TimeoutError:
                    yield b": alive\n\n"
                    continue
                if isinstance(event, Finished):
                    return
                yield await self._told(event)
                if isinstance(event, Failed):
                    return
        finally:
            handle.cancel()

    async def _told(self, event: Event) -> bytes:
        if isinstance(event, Failed):
            return _sent("error", body_of(event.error))
        if isinstance(event, Progress):
            at = {"image_index": event.image, "call": event.call, "calls": event.calls}
            return _sent(self._named("progress"), at)
        assert isinstance(event, Preview | Drawn)  # noqa: S101 - `_stream` ends with the last one
        told = {"b64_json": _text(await self._encode(event.pixels)), "image_index": event.image}
        told |= self._facts(event.pixels)
        if isinstance(event, Preview):
            return _sent(self._named("partial_image"), {**told, "partial_image_index": event.number})
        return _sent(self._named("completed"), {**told, "seed": event.seed})

    def _named(self, event: str) -> str:
        return f"{self.kind}.{event}"

    async def _encode(self, pixels: Pixels) -> bytes:
        quality = self.fields.output_compression
        return await asyncio.to_thread(
            encode, pixels, self.fields.format, quality=_QUALITY if quality is None else quality
        )

    def _facts(self, pixels: Pixels) -> dict[str, Any]:
        """What ran, beside the picture."""
        schedule, now = self.chosen.plan.schedule, int(time.time())
        return {
            "created": now,
            "created_at": now,
            "size": f"{pixels.shape[1]}x{pixels.shape[0]}",
            "output_format": self.fields.format,
            "quality": "auto",
            "background": "opaque",
            "model": self.served.name,
            "plan": self.chosen.name,
            "lowered": self.chosen.lowered,
            "scheduler": schedule.scheduler,
            "num_inference_steps": schedule.steps,
        }

    @property
    def _headers(self) -> dict[str, str]:
        return {"X-Accel-Plan": self.chosen.name, "X-Accel-Lowered": str(self.chosen.lowered).lower()}


async def _gone(request: HttpRequest) -> None:
    """Return when the client has gone; its body has been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _sent(name: str, told: dict[str, Any]) -> bytes:
    document = msgspec.json.encode({"type": name, **told} if name != "error" else told)
    return b"event: " + name.encode() + b"\ndata: " + document + b"\n\n"


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
