"""Files of a bundle's folder that its manifest does not list: whose are they?"""

from itertools import chain
from pathlib import Path
from typing import Any

from accel_runtime.base.reading import decode_json, read_document
from accel_runtime.bundle.bundle import unlisted_files
from accel_runtime.bundle.shelves import SHELVES
from accel_runtime.errors import InputError
from accel_runtime.manifest import MANIFEST_NAME


def check_only_listed(folder: Path) -> None:
    """Refuse a folder that is no bundle, or holds anything beside one.

    What the manifest lists is taken from it even if this version does not understand the rest: a bundle is also
    exported again because it is damaged.

    Raises:
        InputError: Names a file that is not the bundle's.
    """
    path = folder / MANIFEST_NAME
    if not path.is_file():
        raise InputError(f"{folder}: exists and is not a bundle, so --force does not replace it")
    document = decode_json(read_document(path, error=InputError), dict[str, Any], path=path, error=InputError)
    files = document.get("files")
    listed = set(files if isinstance(files, dict) else ())
    ours = chain.from_iterable(shelf.abandoned(folder, listed) for shelf in SHELVES)
    if foreign := unlisted_files(folder, listed.union(ours)):
        strange = folder / foreign[0]
        raise InputError(
            f"{strange}: not a file of the bundle, so --force does not replace the folder: move it elsewhere"
        )
