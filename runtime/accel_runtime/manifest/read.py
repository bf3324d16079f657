"""The manifest's bytes: written the same for the same bundle, and read strictly."""

import os
from pathlib import Path
from typing import Final, get_args, get_type_hints

import msgspec

from accel_runtime.base.reading import read_document
from accel_runtime.durable import put_aside
from accel_runtime.errors import BundleError
from accel_runtime.manifest.schema import SCHEMA_VERSION, Manifest

MANIFEST_NAME: Final = "accel.json"
MANIFEST_DIGEST_NAME: Final = f"{MANIFEST_NAME}.sha256"
# A thousand times what the largest has.
_LARGEST_MANIFEST: Final = 16 * 2**20


def encode_manifest(manifest: Manifest) -> bytes:
    """The bytes of `accel.json`: sorted, indented, the same for the same bundle."""
    document = msgspec.to_builtins(manifest, str_keys=True)  # msgspec sorts no keys that are numbers
    return msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=2) + b"\n"


def read_manifest(folder: Path) -> Manifest:
    """Parse the manifest of the bundle in ``folder``.

    Raises:
        BundleError: There is no bundle, or the manifest is malformed; names file and key.
    """
    return parse_manifest(read_manifest_bytes(folder), folder / MANIFEST_NAME)


def read_manifest_bytes(folder: Path) -> bytes:
    """The bytes of the manifest of the bundle in ``folder``.

    Raises:
        BundleError: There is no bundle, or its manifest cannot be read.
    """
    path = folder / MANIFEST_NAME
    if not os.path.lexists(path):
        aside = put_aside(folder)
        if aside is not None:
            raise BundleError(f"{folder}: an export that was killed left it as {aside}: rename that to {folder.name}")
        raise BundleError(f"{folder}: not a bundle, it has no {MANIFEST_NAME}: make one with `accel export`")
    return read_document(path, limit=_LARGEST_MANIFEST)


def parse_manifest(raw: bytes, path: Path) -> Manifest:
    """Parse the bytes of a manifest; ``path`` is only for messages.

    Raises:
        BundleError: They are none, or of another version; names file and key.
    """
    try:
        _check_version(msgspec.json.decode(raw, type=_Versioned).schema_version, path)
        return msgspec.json.decode(raw, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BundleError(f"{path}: {_as_key(str(error), raw)}") from error
    except RecursionError:
        raise BundleError(f"{path}: nested too deeply") from None


class _Versioned(msgspec.Struct, frozen=True):
    """The version of a manifest of any version."""

    schema_version: int | str | float | None = SCHEMA_VERSION


def _check_version(version: object, path: Path) -> None:
    if isinstance(version, int) and version != SCHEMA_VERSION:
        raise BundleError(
            f"{path}: schema_version: expected {SCHEMA_VERSION}, got {version}: "
            "export the bundle again with this version of accel"
        )


def _as_key(message: str, raw: bytes) -> str:
    """Turn msgspec's "… - at `$.a.b`" into "a.b: …"."""
    text, _, location = message.partition(" - at `")
    key = location.rpartition("$")[2].rstrip("`").lstrip(".")
    field, entries, rest = key.partition("[...]")
    if entries and (entry := _wrong_entry(field, raw)) is not None:
        key = f"{field}.{entry}{rest}"
    return f"{key}: {text}" if key else text


def _wrong_entry(field: str, raw: bytes) -> str | None:
    """The first entry of a mapping that is not of the mapping's type: msgspec does not say which one it is."""
    _, entry_type = get_args(get_type_hints(Manifest).get(field, dict[str, object]))
    for name, entry in msgspec.json.decode(raw)[field].items() if field in Manifest.__struct_fields__ else ():
        try:
            msgspec.convert(entry, entry_type)
        except msgspec.ValidationError:
            return str(name)
    return None
