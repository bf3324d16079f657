"""`plan.json`: a plan as a file; docs/plans.md documents every key."""

from pathlib import Path
from typing import Any, Final

import msgspec

from accel_runtime.base.reading import decode_json, read_document
from accel_runtime.errors import AccelError, InputError
from accel_runtime.plans.spec import KEYS_OF, PLAN_VERSION, PlanSpec

# Far more than a plan of the most calls takes.
LARGEST_PLAN: Final = 2**20


def read_plan(path: Path) -> PlanSpec:
    """Read a plan from a file.

    Raises:
        InputError: The file cannot be read, is of an unknown version, or holds no plan that fits the format.
    """
    return parse_plan(read_document(path, error=InputError, limit=LARGEST_PLAN), path)


def parse_plan(raw: bytes, path: Path, *, error: type[AccelError] = InputError) -> PlanSpec:
    """Parse the content of a plan's file; ``path`` is only for messages.

    Raises:
        AccelError: As ``error``; it is of an unknown version, or holds no plan that fits the format.
    """
    document = decode_json(raw, Any, path=path, error=error)
    keys = document if isinstance(document, dict) else {}
    version = keys.get("version")
    # True equals 1.
    if type(version) is not int or not 1 <= version <= PLAN_VERSION:
        got = "none" if version is None else f"version {version!r}"
        raise error(f"{path}: expected a plan of version 1 to {PLAN_VERSION}, got {got}: see docs/plans.md")
    for since, added in KEYS_OF.items():
        if version < since and (new := [key for key in added if key in keys]):
            raise error(f"{path}: {new[0]}: expected version {since} of a plan with it, got version {version}")
    return decode_json(raw, PlanSpec, path=path, error=error)


def encode_plan(spec: PlanSpec) -> bytes:
    """The content of a plan's file: every key, each in a line."""
    document = msgspec.to_builtins(spec, str_keys=True)
    lines = [f'  "{key}": {msgspec.json.encode(value).decode()}' for key, value in document.items()]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()
