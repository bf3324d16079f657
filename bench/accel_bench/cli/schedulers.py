"""`accel schedulers`."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from accel_bench.base.extras import extra
from accel_bench.base.table import Table, prose
from accel_bench.cli.console import print_json, print_table
from accel_bench.cli.options import AsJson
from accel_runtime.bundle.bundle import read_bundle
from accel_runtime.schedules.file import ScheduleFile


class SchedulerFacts(msgspec.Struct, frozen=True):
    """A scheduler of a bundle.

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
    bundle: Annotated[
        Path | None, typer.Argument(help="A bundle's folder; without it, all that can be compiled.", show_default=False)
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List the schedulers of a bundle, or all that `accel export` can compile."""
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


def _list_known(*, as_json: bool) -> None:
    with extra("export"):
        from accel_exporter.schedules import SCHEDULERS  # noqa: PLC0415  # brings torch
    if as_json:
        print_json({"schedulers": SCHEDULERS})
        return
    rows = []
    for name, choice in SCHEDULERS.items():
        options = {**choice.overrides, **choice.step_options}
        settings = ", ".join(f"{key}={value}" for key, value in options.items())
        rows.append((name, choice.class_name, settings, _yes(choice.bundled), _yes(choice.keeps_seeds)))
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
        draws_noise=table.draws,
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
