"""Files that others wrote, read within bounds: whatever is wrong with one is a single line that names it."""

from pathlib import Path
from typing import Final, TypeVar

import msgspec

from accel_runtime.errors import AccelError, BundleError, first_line

# Far more than any of our documents has, and little enough to be read at once.
LARGEST_DOCUMENT: Final = 256 * 2**20

Document = TypeVar("Document")


def read_document(path: Path, *, error: type[AccelError] = BundleError, limit: int = LARGEST_DOCUMENT) -> bytes:
    """The bytes of a document, at most ``limit`` of them.

    Raises:
        AccelError: As ``error``; the file cannot be read, or is larger.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except (OSError, ValueError) as failure:
        raise error(f"{path}: cannot be read: {getattr(failure, 'strerror', None) or failure}") from failure
    if len(raw) > limit:
        raise error(f"{path}: expected at most {limit} bytes, got more")
    return raw


def decode_json(
    raw: bytes, as_type: type[Document], *, path: Path | str, error: type[AccelError] = BundleError
) -> Document:
    """Decode JSON strictly into ``as_type``; ``path`` is only for the message.

    Raises:
        AccelError: As ``error``; no JSON, of another shape, or nested too deeply to be decoded.
    """
    try:
        return msgspec.json.decode(raw, type=as_type)
    except (msgspec.MsgspecError, UnicodeDecodeError) as failure:
        raise error(f"{path}: {first_line(failure)}") from failure
    except RecursionError:
        raise error(f"{path}: nested too deeply") from None
