"""What stands before the endpoints, without sockets: a client whose body never ends."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from accel_runtime.backends import make_backend
from accel_serve.http.limits import Limits
from accel_serve.http.service import ServiceOptions, open_service


@pytest.mark.parametrize(
    ("path", "content_type", "begin"),
    [
        ("/v1/images/generations", b"application/json", b"{"),
        ("/v1/images/edits", b"multipart/form-data; boundary=b", b"--b\r\n"),
    ],
)
def test_a_client_whose_body_does_not_come_in_time_is_told_so(
    served_folder: Path, path: str, content_type: bytes, begin: bytes
) -> None:
    options = ServiceOptions([served_folder], limits=Limits(body_s=0.05), verification="sizes")
    service = open_service(options, make_backend("cpu"), say=print)
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", content_type)],
        "client": ("127.0.0.1", 1),
    }
    sent: list[dict[str, Any]] = []

    async def answer() -> None:
        parts = iter([{"type": "http.request", "body": begin, "more_body": True}])

        async def receive() -> dict[str, Any]:
            if (part := next(parts, None)) is not None:
                return part
            return await asyncio.Future()  # nothing comes any more

        async def send(message: Any) -> None:
            sent.append(message)

        await service.application(is_loopback=True)(scope, receive, send)

    asyncio.run(answer())
    error = json.loads(sent[1]["body"])["error"]

    assert sent[0]["status"] == 408
    assert (error["code"], error["type"]) == ("request_timeout", "invalid_request_error")
    assert "0.05 seconds" in error["message"]
    assert service.metrics.answers.labels("408")._value.get() == 1
