"""`accel bench scenario`."""

import re
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer

from accel_bench.base.extras import extra
from accel_bench.base.files import check_outputs, write_record
from accel_bench.cli.console import note, print_json, print_line, print_table, progress_bar
from accel_bench.cli.options import (
    LOAD,
    PICTURES,
    PROMPTS_HELP,
    RESULTS,
    AsJson,
    BundleFolder,
    Force,
    Guidance,
    NamedScheduler,
    Provider,
    ProviderOptions,
    Ray,
    RecordFile,
    Seed,
    Steps,
    Threads,
    choose_backend,
    parse_options,
)
from accel_bench.cli.plan_options import (
    BRANCH_0,
    HOLD,
    NO_GATES,
    NO_TOME,
    Branches,
    Forecasts,
    Gates,
    Plans,
    Tomes,
    plans_of,
)
from accel_bench.cli.subjects import guidance_of
from accel_bench.doubts import scenario_doubts
from accel_bench.plans.prepare import Settings, prepare
from accel_bench.quality.captions import evaluation_captions, yardstick_of
from accel_bench.quality.prompts import read_prompts
from accel_bench.records.environment import read_environment
from accel_bench.records.scenario import Scenario, ScenarioRecord
from accel_bench.scenarios.loads import make_loads
from accel_bench.scenarios.process import Finished, Job, Progress, Told, log_folder, run_job
from accel_bench.scenarios.record import make_scenario_record
from accel_bench.scenarios.summary import essentials, summarise_scenarios
from accel_bench.scenarios.table import scenario_table
from accel_runtime.errors import InputError
from accel_runtime.manifest import read_manifest
from accel_runtime.pipeline import open_bundle

_CAPTIONS = 64
# It is run in any case.
_PLANS: Final = ["full"]


def scenario(
    context: typer.Context,
    bundle: BundleFolder,
    *,
    kind: Annotated[
        Scenario, typer.Option("--scenario", help="How MLPerf's load generator asks.", rich_help_panel=LOAD)
    ] = Scenario.SINGLE_STREAM,
    batches: Annotated[
        str | None,
        typer.Option(
            "--batch",
            help="Images drawn together at most, by commas; each is a run of its own.",
            show_default="offline 1,4,8, server 4",
            rich_help_panel=LOAD,
        ),
    ] = None,
    qps: Annotated[
        str | None,
        typer.Option(
            help="Server: queries per second, or auto, 0.7 of what single images allow.",
            show_default="auto",
            rich_help_panel=LOAD,
        ),
    ] = None,
    latency_bound: Annotated[
        float | None,
        typer.Option(help="Server: seconds within which to answer.", show_default="2", rich_help_panel=LOAD),
    ] = None,
    percentile: Annotated[
        float | None,
        typer.Option(help="Server: share of queries to answer in time.", show_default="0.9", rich_help_panel=LOAD),
    ] = None,
    workers: Annotated[
        str | None,
        typer.Option(
            help="With --ray: how many of its workers draw, by commas; each is a run of its own.",
            show_default="all",
            rich_help_panel=LOAD,
        ),
    ] = None,
    queries: Annotated[int, typer.Option(help="Images to ask for at least.", rich_help_panel=LOAD)] = 64,
    duration: Annotated[float, typer.Option(help="Seconds to go on asking at least.", rich_help_panel=LOAD)] = 0.0,
    prompts: Annotated[
        Path | None,
        typer.Option(
            help=PROMPTS_HELP,
            show_default="64 held-out captions of the bundle's model",
            rich_help_panel=PICTURES,
        ),
    ] = None,
    steps: Steps = 20,
    scheduler: NamedScheduler = "ddim",
    guidance: Guidance = 7.5,
    seed: Seed = 0,
    plans: Plans = _PLANS,
    branches: Branches = BRANCH_0,
    forecasts: Forecasts = HOLD,
    tome: Tomes = NO_TOME,
    tgate: Gates = NO_GATES,
    provider: Provider = "cpu",
    provider_options: ProviderOptions = None,
    threads: Threads = None,
    ray: Ray = None,
    output: RecordFile = None,
    logs: Annotated[
        Path | None, typer.Option(help="Keep the load generator's own logs in this folder.", rich_help_panel=RESULTS)
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Time plans under the loads of MLPerf, asked by its own load generator: latency, throughput, a server's tail."""
    if workers is not None and ray is None:
        raise InputError(f"--workers {workers}: without --ray this process draws alone: give --ray, or leave it out")
    loads = make_loads(
        kind,
        batches=batches,
        workers=workers,
        queries=queries,
        duration_s=duration,
        qps=qps,
        latency_bound_s=latency_bound,
        percentile=percentile,
    )
    largest = max(load.batch for load in loads)
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
    guidance = guidance_of(context, guidance, read_manifest(bundle))
    settings = Settings(chosen.steps, chosen.scheduler, guidance=guidance, batch=largest, seed=seed)
    texts = _captions(bundle, seed) if prompts is None else read_prompts(prompts)
    if output is not None:
        check_outputs([output], force=force)
    with extra("loadgen"):
        # Only the process under load runs it; that it is missing is said before any work.
        import mlperf_loadgen  # noqa: F401, PLC0415
    # With Ray nothing is drawn here, where there may be no such device.
    here, given = ("cpu", None) if ray else (provider, provider_options)
    pipeline = open_bundle(bundle, choose_backend(here, threads=threads, options=given))
    prepared = prepare(pipeline, chosen.specs, settings=settings)
    jobs = [
        Job(
            bundle=str(bundle),
            digest=pipeline.bundle.digest,
            provider=provider,
            threads=threads,
            options=parse_options(provider_options or []),
            spec=each.spec,
            facts=each.facts,
            settings=settings,
            prompts=texts,
            load=load,
            ray=ray,
        )
        for load, each in product(loads, prepared)
    ]
    folders = _log_folders(jobs, logs, force=force)
    environment = read_environment()
    finished = _run(jobs, folders)
    record = make_scenario_record(
        pipeline.bundle,
        finished,
        schedule=prepared[0].plan.schedule,
        settings=settings,
        prompts=texts,
        environment=environment,
    )
    if output is not None:
        write_record(output, record)
    _print(record, as_json=as_json)


def _captions(bundle: Path, seed: int) -> tuple[str, ...]:
    yardstick = yardstick_of(read_manifest(bundle).provenance.source)
    return tuple(caption.caption for caption in evaluation_captions(_CAPTIONS, seed, of=yardstick))


def _log_folders(jobs: Sequence[Job], logs: Path | None, *, force: bool) -> list[Path | None]:
    """The folder of each job's logs; None where they are not kept.

    Raises:
        InputError: A folder exists, and ``force`` is not given.
    """
    if logs is None:
        return [None] * len(jobs)
    folders = [logs / _name(job) for job in jobs]
    for folder in folders:
        if folder.exists() and not force:
            raise InputError(f"{folder}: exists already: choose another folder, or replace it with --force")
    return list(folders)


def _name(job: Job) -> str:
    plan = re.sub(r"[^a-z0-9]+", "-", job.facts.name.lower())
    workers = "" if job.load.workers is None else f"-workers-{job.load.workers}"
    return f"{job.load.scenario}-{plan}-batch-{job.load.batch}{workers}"


def _run(jobs: Sequence[Job], folders: Sequence[Path | None]) -> list[Finished]:
    finished = []
    with progress_bar() as progress:
        for job, kept in zip(jobs, folders, strict=True):
            name = f"{job.facts.name} batch {job.load.batch}"
            task = progress.add_task(name, total=job.load.queries)
            with ExitStack() as stack:
                if kept is None:
                    folder = Path(stack.enter_context(TemporaryDirectory()))
                else:
                    folder = stack.enter_context(log_folder(kept))
                for message in run_job(job, folder):
                    match message:
                        case Finished():
                            finished.append(message)
                        case Told(text):
                            note(text)
                        case Progress(answered):
                            progress.update(task, completed=answered)
    return finished


def _print(record: ScenarioRecord, *, as_json: bool) -> None:
    summaries = summarise_scenarios(record)
    if as_json:
        print_json({"record": record, "summary": summaries})
    else:
        print_table(scenario_table(record, summaries))
        for run in record.runs:
            for line in ("", f"loadgen on {run.facts.name}, batch {run.load.batch}:", *essentials(run).splitlines()):
                print_line(line)
    for doubt in scenario_doubts(record):
        note(str(doubt))
