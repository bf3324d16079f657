"""Errors in OpenAI's form: `{"error": {"message", "type", "param", "code"}}`."""

import re
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from accel_runtime.errors import AccelError, InputError
from accel_runtime.printable import printable
from accel_serve.errors import CancelledError, ClosingError, DeadlineError, QueueFullError

# Seconds after which a service that stops has likely been replaced.
_STOPPING_S: Final = 5
# What msgspec says of the place of a wrong value.
_AT: Final = re.compile(r" - at `\$\.?(?P<param>[a-z_]*)[^`]*`$")
_STATUS: Final[dict[type[AccelError], tuple[int, str]]] = {
    InputError: (400, "invalid_value"),
    QueueFullError: (429, "queue_full"),
    CancelledError: (499, "client_closed_request"),
    ClosingError: (503, "stopping"),
    DeadlineError: (504, "deadline_exceeded"),
}


class RefusedError(AccelError):
    """A request that is refused before an engine sees it.

    Attributes:
        status: HTTP's.
        code: OpenAI's, for programs.
        param: The field that is wrong.
    """

    def __init__(
        self, message: str, *, status: int = 400, code: str = "invalid_value", param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.param = status, code, param


def refused_field(error: msgspec.ValidationError) -> RefusedError:
    """What msgspec says of a body, with the field that is wrong."""
    message = str(error)
    at = _AT.search(message)
    return RefusedError(_AT.sub("", message), param=(at["param"] or None) if at else None)


def status_of(error: AccelError) -> tuple[int, str]:
    """HTTP's status and OpenAI's code of an error; whatever is not the client's doing is 500."""
    if isinstance(error, RefusedError):
        return error.status, error.code
    return next((known for kind, known in _STATUS.items() if isinstance(error, kind)), (500, "internal_error"))


def body_of(error: AccelError) -> dict[str, Any]:
    """The JSON of an error."""
    status, code = status_of(error)
    kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    kind = kinds.get(status, "invalid_request_error" if status < 500 else "server_error")
    param = error.param if isinstance(error, RefusedError) else None
    return {"error": {"message": printable(str(error)), "type": kind, "param": param, "code": code}}


def answer_to(error: AccelError) -> JSONResponse:
    """The answer that tells a client of an error."""
    status, _ = status_of(error)
    headers = {}
    if isinstance(error, QueueFullError):
        headers["Retry-After"] = str(round(error.retry_after_s))
    elif isinstance(error, ClosingError):
        headers |= {"Retry-After": str(_STOPPING_S), "Connection": "close"}
    elif status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body_of(error), status, headers)


async def answer_accel_error(_: Request, error: Exception) -> JSONResponse:
    """Starlette's handler of our errors."""
    assert isinstance(error, AccelError)  # noqa: S101 - it is registered for these
    return answer_to(error)


async def answer_http_error(request: Request, error: Exception) -> JSONResponse:
    """Starlette's handler of its own: an unknown path or a wrong method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    said = f"{request.method} {request.url.path}: {error.detail}"
    return answer_to(RefusedError(said, status=error.status_code, code="not_found"))


async def answer_gone(_: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - there is nothing in it
    """Starlette's handler of a client that goes away before its body has come; nobody reads the answer."""
    return answer_to(CancelledError("the client went away"))


async def answer_bug(_: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - uvicorn logs it
    """Starlette's handler of everything else."""
    return answer_to(AccelError("the service failed; its log says why"))
