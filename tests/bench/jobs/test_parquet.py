"""The manifest of a job as a table."""

from pathlib import Path

import msgspec
import pyarrow.parquet
from tests.bench.jobs.painting import paint_job

from accel_bench.jobs.manifest import Line
from accel_bench.jobs.parquet import write_parquet


def test_the_table_has_each_picture_once_and_all_that_its_line_says(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    paint_job(folder)
    manifest = folder / "manifest.jsonl"
    lines = [msgspec.json.decode(raw, type=Line) for raw in manifest.read_bytes().splitlines()]
    named = msgspec.structs.replace(lines[1], id=7, seed=2**64 - 1, seconds=None, cut=None)
    # The first picture was lost and drawn again, and the end of the last line never came.
    texts = [msgspec.json.encode(line) for line in (lines[0], named, *lines[2:], lines[0])]
    manifest.write_bytes(b"\n".join([*texts, b'{"number": 9']))

    rows = pyarrow.parquet.read_table(write_parquet(folder)).to_pylist()

    expected = [msgspec.to_builtins(line) for line in lines]
    expected[1] |= {"id": "7", "seed": -1, "seconds": None, "cut": None}
    assert rows == expected
    assert [path.name for path in folder.glob(".*")] == []
