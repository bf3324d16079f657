"""Reading a JSON object out of a pipeline folder."""

import json
from pathlib import Path
from typing import Any

from accel_runtime.errors import SourceError


def read_object(folder: Path, name: str) -> dict[str, Any]:
    """Return the JSON object in ``folder/name``.

    Raises:
        SourceError: The file is missing, unreadable, not JSON, or JSON of another type.
    """
    try:
        value = json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SourceError(f"{name} is missing: expected it in the pipeline folder '{folder}'") from None
    except OSError as error:
        raise SourceError(f"{name} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{name} is not JSON ({error}): download or save the pipeline again") from error
    if not isinstance(value, dict):
        raise SourceError(f"{name}: expected a JSON object, got {type(value).__name__}")
    return value
