"""Copies of AOTInductor packages with other metadata, for tests that break them."""

import json
import zipfile
from pathlib import Path
from typing import Any

import msgspec

from accel_runtime.backends.inductor_package import METADATA_KEY, read_metadata


def change_terms(package: Path, **changes: Any) -> None:
    """Rewrite ``package`` in place; the code in it stays."""
    entry = msgspec.structs.replace(read_metadata(package), **changes)
    with zipfile.ZipFile(package) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(package, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, _changed(content, entry) if name.endswith("_metadata.json") else content)


def _changed(metadata: bytes, entry: Any) -> str:
    return json.dumps({**json.loads(metadata), METADATA_KEY: msgspec.json.encode(entry).decode()})
