"""`accel plan`."""

from pathlib import Path
from typing import Annotated

import typer

from accel_bench.base.files import check_outputs
from accel_bench.cli.console import print_line
from accel_bench.cli.find_schedule import find_schedule
from accel_bench.cli.options import RESULTS, BundleFolder, Force, Scheduler, Steps
from accel_bench.cli.plan_options import GuidedCalls, OneBranch, OneForecast, OneGate, OnePlan, OneTome, plans_of
from accel_runtime.backends import OnnxRuntimeBackend
from accel_runtime.bundle.bundle import read_bundle
from accel_runtime.bundle.passes import check_plan
from accel_runtime.durable import write_bytes
from accel_runtime.pipeline import Pipeline
from accel_runtime.plans.compile import compile_plan, resolve_plan
from accel_runtime.plans.file import encode_plan
from accel_runtime.plans.gate import NO_GATE

# A plan with guidance has more to keep than one without.
_GUIDANCE = 7.5


def plan(
    context: typer.Context,
    bundle: BundleFolder,
    *,
    plan: OnePlan = "full",
    branch: OneBranch = "0",
    forecast: OneForecast = "hold",
    tome: OneTome = "0",
    tgate: OneGate = NO_GATE,
    guided_calls: GuidedCalls = None,
    steps: Steps = 20,
    scheduler: Scheduler = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The plan file to write.", show_default="standard output", rich_help_panel=RESULTS
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Write a plan as a file: its deep calls by number, with scheduler and steps, checked against a bundle."""
    chosen = plans_of(
        context,
        [plan],
        bundle=bundle,
        branches=[branch],
        forecasts=[forecast],
        tome=[tome],
        tgate=[tgate],
        guided_calls=guided_calls,
        steps=steps,
        scheduler=scheduler,
    )
    if output is not None:
        check_outputs([output], force=force)
    # Schedules alone are read, so what runs the graphs does not matter.
    pipeline = Pipeline(read_bundle(bundle, verification="sizes"), OnnxRuntimeBackend("cpu"))
    schedule = find_schedule(pipeline, chosen.steps, scheduler=chosen.scheduler, strength=None)
    spec = chosen.only
    check_plan(pipeline.bundle.manifest, spec)
    compile_plan(spec, schedule, guidance=_GUIDANCE)
    resolved = encode_plan(resolve_plan(spec, schedule))
    if output is not None:
        write_bytes(output, resolved)
        print_line(str(output))
        return
    for line in resolved.decode().splitlines():
        print_line(line)
