"""Copies of AOTInductor packages with other terms, for tests that break them."""

import json
import zipfile
from pathlib import Path
from typing import Any

import msgspec

from accel_runtime.backends.inductor_package import METADATA_KEY, read_terms


def change_terms(package: Path, **changes: Any) -> None:
    """Rewrite ``package`` in place; the code in it stays."""
    terms = msgspec.structs.replace(read_terms(package), **changes)
    with zipfile.ZipFile(package) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(package, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, _changed(content, terms) if name.endswith("_metadata.json") else content)


def _changed(metadata: bytes, terms: Any) -> str:
    return json.dumps({**json.loads(metadata), METADATA_KEY: msgspec.json.encode(terms).decode()})
