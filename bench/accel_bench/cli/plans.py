"""`accel plans`."""

from pathlib import Path
from typing import Annotated

import typer

from accel_bench.cli.aliases import Command
from accel_bench.cli.console import note, print_json, print_line, print_table
from accel_bench.cli.options import AsJson, BundleFolder
from accel_bench.cli.solve import solve
from accel_bench.plans.named import model_doubts, named_plans, plan_table
from accel_runtime.bundle.bundle import read_bundle
from accel_runtime.bundle.named_plans import add_plan, remove_plan
from accel_runtime.plans.file import read_plan

plans = typer.Typer(help="Solve plans that skip calls, and give plans names in a bundle.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The plan's name in the bundle, such as fast.")]


@plans.command(cls=Command)
def add(
    bundle: BundleFolder,
    name: Name,
    plan: Annotated[Path, typer.Argument(help="A plan file, as `accel plan` and `accel search` write it.")],
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the bundle's plan of that name.")] = False,
) -> None:
    """Add a plan to a bundle, which then knows it by a name."""
    spec = read_plan(plan)
    manifest = add_plan(bundle, name, spec, replace=replace)
    for doubt in model_doubts(spec, manifest):
        note(str(doubt))
    print_line(f"{bundle / manifest.plans[name]}: `--plan {name}` takes it")


plans.command(cls=Command)(solve)


@plans.command(cls=Command)
def remove(bundle: BundleFolder, name: Name) -> None:
    """Take a plan out of a bundle."""
    remove_plan(bundle, name)
    print_line(f"{bundle}: plan {name} removed")


@plans.command("list", cls=Command)
def list_(bundle: BundleFolder, *, as_json: AsJson = False) -> None:
    """Show the plans of a bundle."""
    found = named_plans(read_bundle(bundle, verification="sizes"))
    if as_json:
        print_json(found)
        return
    if not found:
        print_line(f"{bundle}: no plans")
        return
    print_table(plan_table(found))
