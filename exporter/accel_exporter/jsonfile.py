"""Reading a JSON object out of a folder that others wrote."""

import json
from pathlib import Path
from typing import Any

from accel_runtime.errors import AccelError, SourceError
from accel_runtime.reading import read_document


def read_object(folder: Path, name: str, *, error: type[AccelError] = SourceError) -> dict[str, Any]:
    """Return the JSON object in ``folder/name``; infinite numbers are read, since diffusers writes them.

    Raises:
        AccelError: As ``error``; the file is missing, unreadable, too large, not JSON, or JSON of another type.
    """
    if not (folder / name).exists():
        raise error(f"{name} is missing: expected it in the pipeline folder '{folder}'")
    try:
        value = json.loads(read_document(folder / name, error=error).decode())
    except (ValueError, RecursionError) as failure:
        raise error(f"{name} is not JSON ({failure}): download or save the pipeline again") from failure
    if not isinstance(value, dict):
        raise error(f"{name}: expected a JSON object, got {type(value).__name__}")
    return value
