"""`accel bench report`."""

from pathlib import Path
from typing import Annotated

import typer

from accel_bench.base.extras import extra
from accel_bench.base.files import check_outputs
from accel_bench.benchmark.roofline import limit_s
from accel_bench.cli.console import print_line
from accel_bench.cli.options import Force
from accel_bench.records.scenario import ScenarioRecord
from accel_bench.records.store import PictureRecord, read_record
from accel_runtime.durable import write_bytes
from accel_runtime.errors import InputError


def report(
    records: Annotated[
        list[Path], typer.Argument(help="Records that `accel bench`, `accel evaluate` or `accel search` wrote.")
    ],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.")] = Path("report.html"),
    title: Annotated[str | None, typer.Option(help="The page's heading.")] = None,
    force: Force = False,
) -> None:
    """Draw records as one HTML page: pictures, charts, tables and doubts. The page needs no other file."""
    check_outputs([output], force=force)
    read = [_read(path) for path in records]
    with extra("report"):
        # An extra brings the templates' language, so it is imported only where it is used.
        from accel_bench.report.page import render_report  # noqa: PLC0415
    page = render_report(read, title=title, limit=limit_s).encode()
    write_bytes(output, page)
    print_line(str(output))


def _read(path: Path) -> PictureRecord:
    record = read_record(path)
    if isinstance(record, ScenarioRecord):
        raise InputError(f"{path}: a report draws records of `accel bench`, `evaluate` and `search`, got a scenario's")
    return record
