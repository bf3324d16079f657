"""The manifest of a job as a Parquet file, for tools that read tables (package `pyarrow`, extra `parquet`)."""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from accel_bench.base.extras import extra
from accel_bench.jobs.blocks import WHOLE
from accel_bench.jobs.manifest import Line, manifest_path, whole_lines
from accel_runtime.durable import write_file

PARQUET: Final = "manifest.parquet"
# Lines of a row group: some MB, and few enough groups for a million pictures.
_GROUP: Final = 50_000


def check_parquet() -> None:
    """Whether a Parquet file can be written, before any picture is drawn.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    with extra("parquet"):
        import pyarrow.parquet  # noqa: F401, PLC0415  # an extra


def write_parquet(folder: Path) -> Path:
    """Write the lines of a job's own manifest as a table, each picture once, with the columns of `Line`; returns where.

    ``id`` is a text in every row, and a seed from 2**63 on is told as the negative one that draws the same noise. The
    lines stay the manifest that runs go on from.

    Args:
        folder: The job's folder.

    Raises:
        InputError: The manifest is malformed.
        WriteError: It cannot be written.
    """
    path = folder / PARQUET
    write_file(path, partial(_write, lines=whole_lines(manifest_path(folder, WHOLE))))
    return path


def _write(file: BinaryIO, *, lines: Iterator[Line]) -> None:
    import pyarrow  # noqa: PLC0415  # an extra
    from pyarrow import parquet  # noqa: PLC0415

    schema = pyarrow.schema(_columns(pyarrow))
    with parquet.ParquetWriter(file, schema) as writer:
        rows = _once(lines)
        while group := list(islice(rows, _GROUP)):
            writer.write_table(pyarrow.Table.from_pylist([_row(line) for line in group], schema=schema))


def _columns(pyarrow: Any) -> list[Any]:
    whole, text, real = pyarrow.int64(), pyarrow.string(), pyarrow.float64()
    kinds = {"number": whole, "seed": whole, "height": whole, "width": whole, "steps": whole}
    kinds |= {"guidance": real, "seconds": real}
    optional = ("id", "seconds", "cut")
    return [pyarrow.field(name, kinds.get(name, text), nullable=name in optional) for name in Line.__struct_fields__]


def _row(line: Line) -> dict[str, Any]:
    row = msgspec.to_builtins(line)
    seed = line.seed if line.seed < 2**63 else line.seed - 2**64
    return {**row, "id": None if line.id is None else str(line.id), "seed": seed}


def _once(lines: Iterator[Line]) -> Iterator[Line]:
    """A picture that was lost and drawn again has two lines."""
    seen: set[int] = set()
    for line in lines:
        if line.number not in seen:
            seen.add(line.number)
            yield line
