"""`accel schedules add`."""

import re
from typing import Annotated

import typer

from accel_bench.base.extras import extra
from accel_bench.cli.aliases import Command
from accel_bench.cli.console import print_json, print_line, progress_bar
from accel_bench.cli.options import AsJson, BundleFolder
from accel_runtime.bundle.bundle import read_bundle
from accel_runtime.errors import InputError
from accel_runtime.request import MOST_STEPS

schedules = typer.Typer(help="Add schedule tables to a bundle.", no_args_is_help=True)


@schedules.command(cls=Command)
def add(
    bundle: BundleFolder,
    scheduler: Annotated[
        str, typer.Argument(help="A name that `accel schedulers` lists, a class of diffusers, or `pipeline`.")
    ],
    *,
    steps: Annotated[str, typer.Option(help="The numbers of steps to add, such as 20, 20,30 or 1-100.")] = "1-100",
    strength: Annotated[
        float | None, typer.Option(help="The strength of img2img to add them for.", show_default="from noise")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compile schedule tables of a scheduler and add them to a bundle."""
    counts = parse_steps(steps)
    opened = read_bundle(bundle, verification="sizes")
    with extra("export"):
        from accel_exporter.schedules import add_tables, compile_for  # noqa: PLC0415  # brings torch
    with progress_bar() as progress:
        progress.add_task(f"compile {scheduler}", total=None)
        compiled = compile_for(opened, scheduler, steps=counts, strength=strength)
        manifest = add_tables(opened, compiled)
    name = compiled.tables[0].scheduler
    file = manifest.schedules.files[name]
    if as_json:
        added = [{"steps": table.steps, "begin": table.begin, "calls": len(table.rows)} for table in compiled.tables]
        print_json({"scheduler": name, "file": file, "added": added})
        return
    print_line(f"{bundle / file}: {name}, {len(compiled.tables)} tables added")


def parse_steps(text: str) -> tuple[int, ...]:
    """The step counts of a list with ranges.

    Raises:
        InputError: The text is no such list, or a count is out of range.

    >>> parse_steps("4,10-12")
    (4, 10, 11, 12)
    """
    counts: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,4})(?:-([0-9]{1,4}))?\s*", part)
        low, high = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= low <= high <= MOST_STEPS:
            raise InputError(f"steps {text!r}: expected counts of 1 to {MOST_STEPS} such as 20, 20,30 or 1-100")
        counts.update(range(low, high + 1))
    return tuple(sorted(counts))
