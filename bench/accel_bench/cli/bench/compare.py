"""`accel bench compare`."""

from pathlib import Path
from typing import Annotated

import typer

from accel_bench.benchmark.compare import compare as compare_records
from accel_bench.benchmark.compare import comparison_lines, refuse_unlike
from accel_bench.cli.console import note, print_json, print_line
from accel_bench.cli.options import AsJson
from accel_bench.records.store import read_bench


def compare(
    before: Annotated[Path, typer.Argument(help="The earlier record.")],
    after: Annotated[Path, typer.Argument(help="The later record, of the same work.")],
    *,
    allow_unlike: Annotated[
        bool, typer.Option("--allow-unlike", help="Compare also if machine, model or work differ.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare two records of `accel bench`: how many times as long the later one took, with its interval."""
    comparison = compare_records(read_bench(before), read_bench(after))
    if not allow_unlike:
        refuse_unlike(comparison)
    for each in comparison.differences:
        note(f"unlike: {each.what}: {each.before} before, {each.after} after")
    if as_json:
        print_json(comparison)
        return
    for line in comparison_lines(comparison):
        print_line(line)
