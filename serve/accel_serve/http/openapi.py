"""What the service offers, as an OpenAPI document made of the types that read requests."""

import inspect
import re
from typing import Any, Final

import msgspec

from accel_serve.http.fields import Edit, Generation

_ERRORS: Final = {
    "400": "A field is wrong.",
    "401": "The key is wrong.",
    "404": "There is no such model.",
    "408": "The body came too slowly.",
    "413": "The body is too large.",
    "415": "The body is of another type.",
    "429": "The queue is full; see Retry-After.",
    "500": "The service failed.",
    "503": "The service is warming up or stopping.",
    "504": "The deadline passed.",
}
_FIELD: Final = re.compile(r"^ {8}(\w+): (.+(?:\n {12}.+)*)", re.MULTILINE)


def openapi() -> dict[str, Any]:
    """The document, OpenAPI 3.1."""
    _, schemas = msgspec.json.schema_components((Generation, Edit), ref_template="#/components/schemas/{name}")
    documented = {name: _documented(schemas[name], kind) for name, kind in (("Generation", Generation), ("Edit", Edit))}
    pictures = {name: {"type": "string", "format": "binary"} for name in ("image", "mask")}
    edit = {**documented["Edit"], "properties": {**pictures, **documented["Edit"]["properties"]}}
    edit["required"] = [*edit.get("required", []), "image"]
    return {
        "openapi": "3.1.0",
        "info": {"title": "accel serve", "version": "1", "description": "OpenAI's Images API over bundles of accel."},
        "paths": {
            "/v1/images/generations": _post("Draw images.", "application/json", "Generation"),
            "/v1/images/edits": _post("Change an image, or a masked part of it.", "multipart/form-data", "Edit"),
            "/v1/models": _get("The bundles that are served."),
            "/v1/models/{name}": _get("One of them."),
            "/front": _get("The plans of a bundle and what they cost."),
            "/health/live": _get("Whether the service lives."),
            "/health/ready": _get("Whether it is warm and does not stop."),
            "/metrics": _get("Numbers for Prometheus."),
        },
        "components": {
            "schemas": {"Generation": documented["Generation"], "Edit": edit},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def _documented(schema: dict[str, Any], kind: type) -> dict[str, Any]:
    """A schema whose fields have the words of the class's docstring."""
    said = {
        name: " ".join(text.split())
        for each in reversed(kind.__mro__)
        for name, text in _FIELD.findall(each.__dict__.get("__doc__") or "")
    }
    fields = {name: {**field, "description": said.get(name, "")} for name, field in schema["properties"].items()}
    return {**schema, "description": (inspect.getdoc(kind) or "").splitlines()[0], "properties": fields}


def _post(summary: str, media: str, schema: str) -> dict[str, Any]:
    body = {"required": True, "content": {media: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}
    answers = {"200": {"description": "The pictures, or a stream of events."}}
    answers |= {status: {"description": text} for status, text in _ERRORS.items()}
    return {"post": {"summary": summary, "requestBody": body, "responses": answers}}


def _get(summary: str) -> dict[str, Any]:
    return {"get": {"summary": summary, "responses": {"200": {"description": "As it says."}}}}
