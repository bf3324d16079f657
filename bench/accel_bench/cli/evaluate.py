"""`accel evaluate`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from accel_bench.base.files import check_outputs, write_record
from accel_bench.cli.console import note, print_json, print_line, print_table, progress_bar, show
from accel_bench.cli.options import (
    PICTURES,
    RESULTS,
    SCORES,
    AsJson,
    Batch,
    BundleFolder,
    Force,
    Guidance,
    NamedScheduler,
    Provider,
    ProviderOptions,
    RecordFile,
    Steps,
    Threads,
    choose_backend,
)
from accel_bench.cli.plan_options import NO_GATES, NO_TOME, Branches, Forecasts, Gates, Plans, Tomes, plans_of
from accel_bench.cli.scorers import open_scorers
from accel_bench.doubts import evaluation_doubts
from accel_bench.evaluation.grid import grid_paths, write_grid
from accel_bench.evaluation.run import Runs, evaluation_steps
from accel_bench.evaluation.run import evaluate as run_evaluation
from accel_bench.evaluation.summary import summarise_evaluation
from accel_bench.evaluation.table import markdown_table, terminal_table
from accel_bench.plans.prepare import Prepared, Settings, prepare, split
from accel_bench.plans.workload import check_judged
from accel_bench.quality.captions import evaluation_captions, yardstick_of
from accel_bench.records.captions import Caption
from accel_bench.records.environment import machine
from accel_bench.records.evaluation import EvaluationRecord
from accel_runtime.errors import InputError
from accel_runtime.manifest import read_manifest
from accel_runtime.pipeline import Pipeline, open_bundle
from accel_runtime.request import Request

if TYPE_CHECKING:
    from accel_bench.quality.scorers import Scorers  # brings torch, which only scoring needs

_PLANS: Final = ["every:1", "every:2", "every:3", "every:5", "every:10"]
_BRANCHES: Final = ["0", "1"]
_FORECASTS: Final = ["hold", "linear"]


def evaluate(
    context: typer.Context,
    bundle: BundleFolder,
    *,
    num_prompts: Annotated[
        int,
        typer.Option(help="Held-out captions to draw; a multiple of the batch.", rich_help_panel=PICTURES),
    ] = 64,
    steps: Steps = 50,
    scheduler: NamedScheduler = "ddim",
    guidance: Guidance = 4.0,
    batch: Batch = 8,
    seed: Annotated[
        int,
        typer.Option(help="Chooses the captions; image i draws its noise from seed + i.", rich_help_panel=PICTURES),
    ] = 0,
    plans: Plans = _PLANS,
    branches: Branches = _BRANCHES,
    forecasts: Forecasts = _FORECASTS,
    tome: Tomes = NO_TOME,
    tgate: Gates = NO_GATES,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of other captions and another emoji-clip.",
            show_default="those of the bundle's model, or the built-in model's",
            rich_help_panel=SCORES,
        ),
    ] = None,
    provider: Provider = "cpu",
    provider_options: ProviderOptions = None,
    threads: Threads = None,
    output: RecordFile = None,
    grid: Annotated[
        Path | None,
        typer.Option(
            help="Also write pictures of all plans, and differences from full ×4, into this folder.",
            rich_help_panel=RESULTS,
        ),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the table in GitHub's Markdown.", rich_help_panel=RESULTS)
    ] = False,
) -> None:
    """Judge cached plans against the full UNet, with the same prompts and seeds: speed and quality in one table."""
    if as_json and as_markdown:
        raise InputError("--json and --markdown: choose one of them")
    chosen = plans_of(
        context,
        plans,
        bundle=bundle,
        branches=branches,
        forecasts=forecasts,
        tome=tome,
        tgate=tgate,
        steps=steps,
        scheduler=scheduler,
    )
    settings = Settings(chosen.steps, chosen.scheduler, guidance=guidance, batch=batch, seed=seed)
    manifest = read_manifest(bundle)
    check_judged(manifest, "evaluate")
    yardstick = yardstick_of(manifest.provenance.source)
    captions = evaluation_captions(num_prompts, seed, of=yardstick, folder=data)
    batches = split([caption.caption for caption in captions], settings)
    grids = [] if grid is None else grid_paths(grid, len(batches), force=force)
    if output is not None:
        check_outputs([output], force=force)
    backend = choose_backend(provider, threads=threads, options=provider_options)
    pipeline = open_bundle(bundle, backend)
    prepared = prepare(pipeline, chosen.specs, settings=settings)
    runs = Runs()
    scorers = open_scorers(data, of=yardstick)
    record = _run(pipeline, prepared, captions=captions, batches=batches, settings=settings, scorers=scorers, runs=runs)
    for index, path in enumerate(grids):
        rows = {each.name: runs.batches[each.name][index] for each in prepared}
        write_grid(path, rows, captions=batches[index].prompts)
    if output is not None:
        write_record(output, record)
    _print(record, as_json=as_json, as_markdown=as_markdown)


def _run(
    pipeline: Pipeline,
    prepared: Sequence[Prepared],
    *,
    captions: Sequence[Caption],
    batches: Sequence[Request],
    settings: Settings,
    scorers: "Scorers",
    runs: Runs,
) -> EvaluationRecord:
    work = run_evaluation(
        pipeline,
        prepared,
        captions=captions,
        batches=batches,
        settings=settings,
        scorers=scorers,
        runs=runs,
    )
    with progress_bar() as progress:
        task = progress.add_task("warm-up", total=evaluation_steps(len(prepared), len(batches)))
        return show(work, progress, task=task)


def _print(record: EvaluationRecord, *, as_json: bool, as_markdown: bool) -> None:
    summary = summarise_evaluation(record)
    if as_json:
        print_json({"record": record, "summary": summary})
    elif as_markdown:
        for line in markdown_table(summary, _heading(record)).splitlines():
            print_line(line)
    else:
        print_table(terminal_table(summary, _heading(record)))
    for doubt in evaluation_doubts(record):
        note(str(doubt))


def _heading(record: EvaluationRecord) -> str:
    """One line about the machine and the work; it is part of the table, so that it is never cut off."""
    work = record.workload
    meaning = "RANDOM WEIGHTS, all scores are meaningless: " if record.bundle.weights == "random" else ""
    return (
        f"{meaning}{record.bundle.source} {work.width}×{work.height}, {len(record.captions)} prompts by "
        f"{work.batch}, {work.scheduler} {work.steps} steps, guidance {work.guidance:g}, "
        f"{machine(record.backend, record.environment)}"
    )
