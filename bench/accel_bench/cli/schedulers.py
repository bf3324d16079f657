"""`accel schedulers` and `accel schedules add`."""

import re
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from accel_bench.base.extras import export_extra
from accel_bench.base.table import Table, prose
from accel_bench.cli.console import print_json, print_line, print_table, progress_bar
from accel_runtime.bundle import read_bundle
from accel_runtime.errors import InputError
from accel_runtime.request import MOST_STEPS
from accel_runtime.schedule_file import ScheduleFile

schedules = typer.Typer(help="The schedule tables of a bundle.", no_args_is_help=True)


class SchedulerFacts(msgspec.Struct, frozen=True):
    """What is known of one scheduler.

    Attributes:
        name: Short.
        diffusers_class: Its class.
        calls_of_20: UNet calls that 20 steps make.
        history: Latents and model outputs that a call looks back at, itself included.
        draws_noise: Whether it draws noise between calls.
        memoryless: Whether img2img may start at every step of every table.
        steps: The step counts in the bundle.
    """

    name: str
    diffusers_class: str
    calls_of_20: int
    history: tuple[int, int]
    draws_noise: bool
    memoryless: bool
    steps: str


def schedulers(
    bundle: Annotated[Path | None, typer.Argument(help="A bundle; without it, all names that can be compiled.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List schedulers: of a bundle, or all that `accel export` knows."""
    if bundle is None:
        _list_known(as_json=as_json)
        return
    opened = read_bundle(bundle, verification="sizes")
    files = opened.manifest.schedules.files
    facts = [_facts(ScheduleFile.open(opened.path(path))) for path in files.values()]
    if as_json:
        print_json({"default": opened.manifest.schedules.default, "schedulers": facts})
        return
    print_table(_table(facts, default=opened.manifest.schedules.default))


@schedules.command()
def add(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    scheduler: Annotated[str, typer.Argument(help="A name of `accel schedulers`, a diffusers class, or pipeline.")],
    *,
    steps: Annotated[str, typer.Option(help="Step counts: 20, 20,30 or 1-100.")] = "1-100",
    strength: Annotated[float | None, typer.Option(help="Of img2img; by default, from noise.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was added as JSON.")] = False,
) -> None:
    """Compile further schedule tables into a bundle."""
    counts = parse_steps(steps)
    opened = read_bundle(bundle, verification="sizes")
    with export_extra():
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
    """Step counts of a list with ranges.

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


def _list_known(*, as_json: bool) -> None:
    with export_extra():
        from accel_exporter.schedules import SCHEDULERS  # noqa: PLC0415  # brings torch
    if as_json:
        print_json({"schedulers": SCHEDULERS})
        return
    rows = []
    for name, choice in SCHEDULERS.items():
        options = {**choice.overrides, **choice.step_options}
        settings = ", ".join(f"{key}={value}" for key, value in options.items())
        rows.append((name, choice.class_name, settings, _yes(choice.travels), _yes(choice.keeps_seeds)))
    columns = prose("name", "diffusers class", "set to", "in every bundle", "seeds as diffusers")
    print_table(Table("Schedulers that can be compiled", columns, tuple(rows)))


def _facts(file: ScheduleFile) -> SchedulerFacts:
    steps, begin = min(file.index, key=lambda entry: (entry[1], abs(entry[0] - 20)))
    table = file.table(steps, begin=begin)
    return SchedulerFacts(
        name=file.scheduler,
        diffusers_class=file.metadata.get("class", ""),
        calls_of_20=begin + len(table.rows) + (20 - steps) * file.order,
        history=(len(table.rows[0].a), len(table.rows[0].b)),
        draws_noise=any(row.draws for row in table.rows),
        memoryless=file.memoryless,
        steps=file.step_ranges(),
    )


def _table(facts: list[SchedulerFacts], *, default: str) -> Table:
    columns = prose("name", "diffusers class", "calls of 20 steps", "looks back", "draws noise", "img2img", "tables")
    return Table("Schedulers of the bundle", columns, tuple(_cells(each, default=default) for each in facts))


def _cells(each: SchedulerFacts, *, default: str) -> tuple[str, ...]:
    latents, outputs = each.history
    return (
        f"{each.name} (default)" if each.name == default else each.name,
        each.diffusers_class,
        str(each.calls_of_20),
        f"{latents} latents, {outputs} outputs",
        _yes(each.draws_noise),
        "every strength" if each.memoryless else "common step counts",
        each.steps,
    )


def _yes(value: bool) -> str:  # noqa: FBT001  # the one thing it is about
    return "yes" if value else ""
