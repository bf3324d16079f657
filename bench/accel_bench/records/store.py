"""Records as files: sealed with the hash of their content, and read only while it fits."""

from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from accel_bench.records.bench import BenchRecord
from accel_bench.records.evaluation import EvaluationRecord
from accel_bench.records.scenario import ScenarioRecord
from accel_runtime.errors import InputError

# Records of pictures, which a report can draw.
PictureRecord: TypeAlias = BenchRecord | EvaluationRecord
Record: TypeAlias = PictureRecord | ScenarioRecord
AnyRecord = TypeVar("AnyRecord", BenchRecord, EvaluationRecord, ScenarioRecord)

_ID_LENGTH: Final = 16
_TYPES: Final[dict[tuple[str, int], type[Record]]] = {
    ("bench", 2): BenchRecord,
    ("evaluation", 2): EvaluationRecord,
    ("scenario", 1): ScenarioRecord,
}


def seal(record: AnyRecord) -> AnyRecord:
    """The record with the `id` that its content gives."""
    return msgspec.structs.replace(record, id=_id_of(msgspec.json.decode(msgspec.json.encode(record))))


def read_record(path: Path) -> Record:
    """Read a record of any kind.

    Raises:
        InputError: It cannot be read, is of an unknown format, or was changed since it was written.
    """
    document = _read(path)
    kind, number = _kind(document)
    if (kind, number) not in _TYPES:
        known = ", ".join(f"{kind} {number}" for kind, number in _TYPES)
        raise InputError(f"{path}: expected a record of {known}, got {kind} {number}: measure again with this version")
    try:
        record = msgspec.convert(document, type=_TYPES[kind, number], str_keys=True)
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: {error}") from error
    if record.id != _id_of(document):
        raise InputError(f"{path}: changed since it was measured: expected id {_id_of(document)}, got {record.id}")
    return record


def read_bench(path: Path) -> BenchRecord:
    """Read a record of `accel bench`.

    Raises:
        InputError: As `read_record`, or it is of another kind.
    """
    record = read_record(path)
    if not isinstance(record, BenchRecord):
        raise InputError(f"{path}: expected a record of `accel bench`, got one of `accel {record.kind}`")
    return record


def _read(path: Path) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise InputError(f"{path}: not a record: {error}") from error


def _id_of(document: dict[str, Any]) -> str:
    """Of the document, not of the type, so that a field added later leaves older records as they are."""
    return sha256(msgspec.json.encode(document | {"id": ""}, order="sorted")).hexdigest()[:_ID_LENGTH]


def _kind(document: Any) -> tuple[str, int]:
    """Kind and format; a record of format 1 of `accel bench` had no kind."""
    if not isinstance(document, dict):
        return "something else", 0
    return str(document.get("kind", "bench")), document.get("format", 0)
