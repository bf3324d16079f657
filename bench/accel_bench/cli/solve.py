"""`accel plans solve`."""

from pathlib import Path
from typing import Annotated, Final

import typer

from accel_bench.base.files import check_outputs
from accel_bench.cli.console import note, print_line, progress_bar, show
from accel_bench.cli.options import (
    PICTURES,
    RESULTS,
    Batch,
    BundleFolder,
    Force,
    Guidance,
    PromptsFile,
    Provider,
    ProviderOptions,
    Seed,
    Threads,
    choose_backend,
)
from accel_bench.cli.subjects import guidance_of
from accel_bench.plans.prepare import Settings
from accel_bench.plans.workload import as_taken
from accel_bench.quality.captions import yardstick_of
from accel_bench.search.prompts import choose_prompts
from accel_bench.solving.solve_one import SolveOne
from accel_runtime.bundle.bundle import read_bundle
from accel_runtime.bundle.passes import check_plan
from accel_runtime.durable import write_bytes
from accel_runtime.errors import InputError
from accel_runtime.pipeline import Pipeline
from accel_runtime.plans.file import encode_plan
from accel_runtime.plans.spec import PlanSpec

SOLVING: Final = "How it is solved"


def solve(
    context: typer.Context,
    bundle: BundleFolder,
    *,
    calls: Annotated[int, typer.Option(help="Calls that run the whole UNet.", rich_help_panel=SOLVING)] = 10,
    shallow: Annotated[int, typer.Option(help="Shallow calls beside them.", rich_help_panel=SOLVING)] = 0,
    branch: Annotated[int, typer.Option(help="Where shallow calls cut the UNet.", rich_help_panel=SOLVING)] = 0,
    calibration: Annotated[
        int,
        typer.Option(
            help="Pictures to solve with. With several batches, one in four chooses and is not fitted.",
            rich_help_panel=SOLVING,
        ),
    ] = 24,
    moves: Annotated[
        int,
        typer.Option(
            help="Most placements to try that differ by one moved call; 0 also leaves out the refinement.",
            rich_help_panel=SOLVING,
        ),
    ] = 20,
    steps: Annotated[int, typer.Option(help="Denoising steps of the uncached run.", rich_help_panel=PICTURES)] = 50,
    scheduler: Annotated[str, typer.Option(help="The uncached run's scheduler.", rich_help_panel=PICTURES)] = "ddim",
    guidance: Guidance = 7.5,
    prompts: PromptsFile = None,
    batch: Batch = 8,
    seed: Seed = 0,
    provider: Provider = "cpu",
    provider_options: ProviderOptions = None,
    threads: Threads = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The plan file to write.", rich_help_panel=RESULTS)
    ] = Path("plan.json"),
    force: Force = False,
) -> None:
    """Solve one plan that skips calls, without a search: where its calls lie and how it jumps between them."""
    check_outputs([output], force=force)
    for option, count, least in (("--batch", batch, 1), ("--calibration", calibration, 1), ("--moves", moves, 0)):
        if count < least:
            raise InputError(f"{option}: expected {least} or more, got {count}")
    opened = read_bundle(bundle)
    guidance = guidance_of(context, guidance, opened.manifest)
    settings = Settings(steps, scheduler, guidance=guidance, batch=batch, seed=seed)
    yardstick = yardstick_of(opened.manifest.provenance.source)
    chosen, _ = choose_prompts(prompts, of=yardstick, samples=batch, calibration=calibration, settings=settings)
    backend = choose_backend(provider, threads=threads, options=provider_options)
    pipeline = Pipeline(opened, backend)
    check_plan(pipeline.bundle.manifest, PlanSpec(deep="full", branch=branch))
    requests = tuple(as_taken(each, opened.manifest) for each in chosen.calibration)
    work = SolveOne(pipeline, settings, requests, branch, (calls, shallow), moves)
    with progress_bar() as progress:
        solution, spec = show(work.run(), progress, task=progress.add_task("open", total=None))
    write_bytes(output, encode_plan(spec))
    note(f"mean squared error of the final latents: {solution.error:.3g}")
    print_line(f"{output}: {len(spec.deep)} deep, {shallow} shallow and {len(spec.skip)} skipped calls")
