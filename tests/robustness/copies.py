"""Copies of a bundle in which something is another: the rest are hard links, and nobody writes through them."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from accel_runtime.errors import AccelError

MANIFEST, DIGEST = "accel.json", "accel.json.sha256"
Document = dict[str, Any]
Change = Callable[[Document], object]


def put(*keys: str | int, value: Any) -> Change:
    """Another value at a place of a document."""

    def change(document: Document) -> None:
        at: Any = document
        for key in keys[:-1]:
            at = at[key]
        at[keys[-1]] = value

    return change


def seeded(seed: int) -> Random:
    """Chances that are the same again."""
    return Random(seed)  # noqa: S311  # to be had again


def one_line(error: AccelError) -> str:
    """What an error says, which is a line."""
    said = str(error)
    assert len(said.splitlines()) == 1
    return said


def copy_bundle(bundle: Path, folder: Path) -> Path:
    """A bundle of its own, without the digest beside its manifest."""
    shutil.copytree(bundle, folder, copy_function=os.link)
    (folder / DIGEST).unlink(missing_ok=True)
    return folder


def write(path: Path, raw: bytes) -> None:
    """Write a file anew: what it is a link to stays as it was."""
    path.unlink(missing_ok=True)
    path.write_bytes(raw)


def read_document(folder: Path) -> Document:
    """The manifest, as JSON has it."""
    document: Document = msgspec.json.decode((folder / MANIFEST).read_bytes())
    return document


def edit_manifest(folder: Path, change: Change) -> None:
    """Change the manifest, as somebody would who hands on the bundle."""
    document = read_document(folder)
    change(document)
    write(folder / MANIFEST, msgspec.json.encode(document))


def replace_file(folder: Path, file: str, raw: bytes) -> None:
    """Put another file in the place of one, and let the manifest say so."""
    write(folder / file, raw)
    spec = {"size": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
    edit_manifest(folder, lambda document: document["files"].update({file: spec}))


def state_digest(folder: Path) -> str:
    """Write the digest beside the manifest, as `sha256sum` does; returns it."""
    digest = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    write(folder / DIGEST, f"{digest}  {MANIFEST}\n".encode())
    return digest
