"""The application: endpoints over the bundles that are served."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from accel_runtime.errors import AccelError
from accel_serve.engine.order import Order
from accel_serve.http.drawing import Drawing, Kind
from accel_serve.http.errors import RefusedError, answer_accel_error, answer_bug, answer_gone, answer_http_error
from accel_serve.http.fields import Edit, Generation, parse_form, parse_json
from accel_serve.http.front import front_of
from accel_serve.http.guard import Guard
from accel_serve.http.keys import Keys
from accel_serve.http.limits import Limits
from accel_serve.http.log import Log
from accel_serve.http.metrics import Metrics
from accel_serve.http.openapi import openapi
from accel_serve.http.pictures import Pixels, as_mask, as_pixels, open_upload
from accel_serve.http.served import Served

# Of seeds that nobody names: every client's numbers can hold them.
_MOST_SEED: Final = 2**31
_OF_IMAGE: Final = 0.8
_OF_MASK: Final = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """What the endpoints share.

    Attributes:
        models: The bundles by name; the first is the default.
        keys: Who may ask.
        limits: For what.
        metrics: All numbers.
        log: Takes lines; they are written within `with service.log`.
        logs_prompts: Whether the log tells prompts.
        open_requests: How many requests are being answered, by the key `open`.
    """

    models: Mapping[str, Served]
    keys: Keys
    limits: Limits
    metrics: Metrics
    log: Log
    logs_prompts: bool = False
    open_requests: Counter[str] = field(default_factory=Counter)

    def application(self, *, is_loopback: bool) -> ASGIApp:
        """The service as an ASGI application."""
        routes = [
            Route("/v1/images/generations", self.generate, methods=["POST"]),
            Route("/v1/images/edits", self.edit, methods=["POST"]),
            Route("/v1/models", self.list_models),
            Route("/v1/models/{name}", self.show_model),
            Route("/front", self.front),
            Route("/health/live", self.live),
            Route("/health/ready", self.ready),
            Route("/metrics", self.show_metrics),
            Route("/openapi.json", self.describe),
            Route("/docs", _docs),
            Route("/", _page),
        ]
        handlers = {
            AccelError: answer_accel_error,
            HTTPException: answer_http_error,
            ClientDisconnect: answer_gone,
            Exception: answer_bug,
        }
        app = Starlette(routes=routes, exception_handlers=handlers)
        return Guard(app, self.keys, self.limits, self.metrics, is_loopback, self.open_requests)

    async def generate(self, request: Request) -> Response:
        """`POST /v1/images/generations`."""
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise RefusedError("content-type: expected application/json", status=415, code="unsupported_media_type")
        fields = parse_json(await request.body(), Generation, limits=self.limits)
        return await self._draw(request, fields, kind="image_generation")

    async def edit(self, request: Request) -> Response:
        """`POST /v1/images/edits`."""
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise RefusedError("content-type: expected multipart/form-data", status=415, code="unsupported_media_type")
        async with request.form(max_files=2, max_fields=40) as form:
            texts = {name: value for name, value in form.items() if isinstance(value, str)}
            fields = parse_form(texts, Edit, limits=self.limits)
            image, mask = await _upload(form, "image"), await _upload(form, "mask")
        if image is None:
            raise RefusedError("image: expected a picture, got none", param="image")
        served = self._model(fields.model)
        pixels, drawn = await asyncio.to_thread(_read, served, fields, image, mask)
        usual = _OF_IMAGE if mask is None else _OF_MASK
        strength = usual if fields.strength is None else fields.strength
        return await self._draw(request, fields, kind="image_edit", image=pixels, mask=drawn, strength=strength)

    async def list_models(self, _: Request) -> Response:
        """`GET /v1/models`."""
        return JSONResponse({"object": "list", "data": [_described(served) for served in self.models.values()]})

    async def show_model(self, request: Request) -> Response:
        """`GET /v1/models/{name}`."""
        return JSONResponse(_described(self._model(request.path_params["name"])))

    async def front(self, request: Request) -> Response:
        """`GET /front`: the plans of a model and what they cost, for the page's chart."""
        return JSONResponse(front_of(self._model(request.query_params.get("model"))))

    async def live(self, _: Request) -> Response:
        """`GET /health/live`."""
        return JSONResponse({"status": "live"})

    async def ready(self, _: Request) -> Response:
        """`GET /health/ready`: once every engine is warm, and until the service stops."""
        cold = [served.name for served in self.models.values() if served.engine is None or served.engine.is_closing]
        return JSONResponse({"status": "not ready" if cold else "ready"}, 503 if cold else 200)

    async def show_metrics(self, _: Request) -> Response:
        """`GET /metrics`."""
        return Response(generate_latest(self.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def describe(self, _: Request) -> Response:
        """`GET /openapi.json`."""
        return JSONResponse(openapi())

    async def _draw(
        self,
        request: Request,
        fields: Generation,
        *,
        kind: Kind,
        image: Pixels | None = None,
        mask: Pixels | None = None,
        strength: float | None = None,
    ) -> Response:
        served = self._model(fields.model)
        seed = secrets.randbelow(_MOST_SEED) if fields.given_seed is None else fields.given_seed
        asked = served.request(fields, seed=seed, image=image, mask=mask)
        chosen = served.plans.choose(fields, strength=strength, overloaded=served.is_overloaded)
        client = request.scope["client_name"]
        order = Order(
            asked,
            chosen.plan,
            client=client if self.keys.are_asked or fields.user is None else f"{client} {fields.user}",
            priority=fields.priority or 0,
            deadline_s=fields.deadline_s,
            previews=(fields.partial_images or 0) if fields.stream else 0,
        )
        if chosen.lowered:
            self.metrics.lowered.labels(served.name).inc()
        prompt = f" prompt={fields.prompt!r}" if self.logs_prompts else ""
        self.log(f"{kind} model={served.name} plan={chosen.name} n={fields.images} client={client!r}{prompt}")
        return await Drawing(served, fields, chosen, order, kind).answer(request)

    def _model(self, name: str | None) -> Served:
        if name is None:
            return next(iter(self.models.values()))
        if name not in self.models:
            expected = f"model: expected one of {', '.join(self.models)}, got {name[:80]!r}"
            raise RefusedError(expected, status=404, code="model_not_found", param="model")
        return self.models[name]


async def _upload(form: FormData, name: str) -> bytes | None:
    """A picture of a form; some clients send `image[]`."""
    given = form.get(name) or form.get(f"{name}[]")
    if isinstance(given, str):
        raise RefusedError(f"{name}: expected a file, got text", param=name)
    return await given.read() if isinstance(given, UploadFile) else None


def _read(served: Served, fields: Edit, image: bytes, mask: bytes | None) -> tuple[Pixels, Pixels | None]:
    """The pictures of an edit, scaled to a size that the model draws."""
    picture = open_upload(image, "image")
    size = served.fitted(fields, *picture.size)
    drawn = None if mask is None else as_mask(open_upload(mask, "mask"), picture, size)
    return as_pixels(picture, size), drawn


def _described(served: Served) -> dict[str, Any]:
    plans = {
        "default": served.plans.default,
        "overload": served.plans.overload,
        "names": served.plans.names,
        "figures": msgspec.to_builtins(served.manifest.plan_figures),
    }
    return {
        "id": served.name,
        "object": "model",
        "created": 0,
        "owned_by": "accel",
        "digest": served.pipeline.bundle.digest,
        "plans": plans,
        "mode": served.engine.choice.mode if served.engine else None,
    }


async def _page(_: Request) -> Response:
    return HTMLResponse(_static("index.html"))


async def _docs(_: Request) -> Response:
    return HTMLResponse(_static("docs.html"))


def _static(name: str) -> str:
    return files("accel_serve").joinpath("page", name).read_text(encoding="utf-8")
