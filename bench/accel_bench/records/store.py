"""Records as files: sealed with the hash of their content, and read only if it still fits."""

from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from accel_bench.records.bench import BenchRecord
from accel_bench.records.evaluation import EvaluationRecord
from accel_bench.records.older import OLDER_FORMATS, upgrade
from accel_bench.records.scenario import ScenarioRecord
from accel_bench.records.search import SearchRecord
from accel_runtime.base.reading import decode_json, read_document
from accel_runtime.errors import InputError, first_line

# Records with pictures, which a report can draw.
PictureRecord: TypeAlias = BenchRecord | EvaluationRecord | SearchRecord
Record: TypeAlias = PictureRecord | ScenarioRecord
AnyRecord = TypeVar("AnyRecord", BenchRecord, EvaluationRecord, ScenarioRecord, SearchRecord)

_ID_LENGTH: Final = 16
_TYPES: Final[dict[tuple[str, int], type[Record]]] = {
    ("bench", 3): BenchRecord,
    ("evaluation", 3): EvaluationRecord,
    ("scenario", 2): ScenarioRecord,
    ("search", 2): SearchRecord,
}


def seal(record: AnyRecord) -> AnyRecord:
    """The record with the `id` of its content."""
    return msgspec.structs.replace(record, id=_id_of(msgspec.json.decode(msgspec.json.encode(record))))


def read_record(path: Path) -> Record:
    """Read a record of any kind.

    Raises:
        InputError: It cannot be read, is of an unknown format, or was changed since it was written.
    """
    document = _read(path)
    kind, written = _kind(document)
    upgraded, number = upgrade(document, kind, written)
    if (kind, number) not in _TYPES:
        known = ", ".join(f"{kind} {number}" for kind, number in sorted((*_TYPES, *OLDER_FORMATS)))
        raise InputError(f"{path}: expected a record of {known}, got {kind} {written}: measure again with this version")
    try:
        record = msgspec.convert(upgraded, type=_TYPES[kind, number], str_keys=True)
    # A search's goal raises errors of its own, which name its options.
    except (msgspec.ValidationError, InputError) as error:
        raise InputError(f"{path}: {first_line(error)}") from error
    if record.id != _id_of(document):
        raise InputError(f"{path}: changed since it was measured: expected id {_id_of(document)}, got {record.id}")
    return record


def read_bench(path: Path) -> BenchRecord:
    """Read a record of `accel bench`.

    Raises:
        InputError: `read_record` refuses the file, or the record is of another kind.
    """
    record = read_record(path)
    if not isinstance(record, BenchRecord):
        raise InputError(f"{path}: expected a record of `accel bench`, got one of `accel {record.kind}`")
    return record


def _read(path: Path) -> Any:
    return decode_json(read_document(path, error=InputError), Any, path=path, error=InputError)


def _id_of(document: dict[str, Any]) -> str:
    """The id of a document as it was written, so that fields added later leave older records valid."""
    return sha256(msgspec.json.encode(document | {"id": ""}, order="sorted")).hexdigest()[:_ID_LENGTH]


def _kind(document: Any) -> tuple[str, int]:
    """The kind and format of a document; records of `accel bench` of format 1 had no kind."""
    if not isinstance(document, dict):
        return "something else", 0
    kind, number = document.get("kind", "bench"), document.get("format", 0)
    is_named = isinstance(kind, str) and kind.isidentifier() and isinstance(number, int)
    return (kind, number) if is_named else ("something else", 0)
