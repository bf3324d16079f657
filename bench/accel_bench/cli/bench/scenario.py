"""`accel bench scenario`."""

import re
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from accel_bench.base.extras import loadgen_extra
from accel_bench.base.files import check_outputs, write_record
from accel_bench.cli.backends import Provider, ProviderOptions, choose_backend, parse_options
from accel_bench.cli.console import note, print_json, print_line, print_table, progress_bar
from accel_bench.doubts import scenario_doubts
from accel_bench.plans.trial import BASELINE, Settings, Trial, prepare
from accel_bench.quality.captions import evaluation_captions
from accel_bench.records.environment import read_environment
from accel_bench.records.scenario import Scenario, ScenarioRecord
from accel_bench.scenarios.loads import make_loads
from accel_bench.scenarios.process import Finished, Job, log_folder, run_job
from accel_bench.scenarios.record import make_scenario_record
from accel_bench.scenarios.summary import essentials, summarise_scenarios
from accel_bench.scenarios.table import scenario_table
from accel_runtime.errors import InputError
from accel_runtime.forecast import Forecast
from accel_runtime.pipeline import open_bundle

_CAPTIONS = 64


def scenario(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    *,
    kind: Annotated[Scenario, typer.Option("--scenario", help="How queries come.")] = Scenario.SINGLE_STREAM,
    plans: Annotated[
        list[str] | None, typer.Option("--plan", help="Deep calls, such as every:3; repeat. full is always run.")
    ] = None,
    branch: Annotated[int, typer.Option(help="Where shallow calls cut the UNet.")] = 0,
    forecast: Annotated[Forecast, typer.Option(help="How a shallow call's feature is made.")] = Forecast.HOLD,
    batches: Annotated[
        str | None, typer.Option("--batch", help="Images at a time at most, by commas: 1,4,8 offline, 4 for a server.")
    ] = None,
    qps: Annotated[str | None, typer.Option(help="Server: arrivals per second, or auto.", show_default="auto")] = None,
    latency_bound: Annotated[
        float | None, typer.Option(help="Server: seconds within which to answer.", show_default="2")
    ] = None,
    percentile: Annotated[
        float | None, typer.Option(help="Server: share of queries to answer in time.", show_default="0.9")
    ] = None,
    queries: Annotated[int, typer.Option(help="Samples to ask for at least.")] = 64,
    duration: Annotated[float, typer.Option(help="Seconds to go on asking at least.")] = 0.0,
    steps: Annotated[int, typer.Option(help="Denoising steps.")] = 20,
    scheduler: Annotated[str, typer.Option(help="One of the bundle's.")] = "ddim",
    guidance: Annotated[float, typer.Option(help="Classifier-free guidance.")] = 7.5,
    seed: Annotated[int, typer.Option(help="Sample i draws its noise from seed + i.")] = 0,
    prompts: Annotated[
        Path | None,
        typer.Option(help="Text file, a prompt a line; by default held-out captions of the built-in model."),
    ] = None,
    provider: Provider = "cpu",
    provider_options: ProviderOptions = None,
    threads: Annotated[int | None, typer.Option(help="Threads per operator.")] = None,
    logs: Annotated[Path | None, typer.Option(help="Folder to keep the load generator's own logs in.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the record here.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing outputs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print record and summary as JSON.")] = False,
) -> None:
    """Put plans under the loads of MLPerf, by its own load generator: latency, throughput, or a server's tail."""
    loads = make_loads(
        kind,
        batches=batches,
        queries=queries,
        duration_s=duration,
        qps=qps,
        latency_bound_s=latency_bound,
        percentile=percentile,
    )
    largest = max(load.batch for load in loads)
    settings = Settings(steps=steps, scheduler=scheduler, guidance=guidance, batch=largest, seed=seed)
    texts = _captions(seed) if prompts is None else _read_prompts(prompts)
    if output is not None:
        check_outputs([output], force=force)
    with loadgen_extra():
        # Only the process under load runs it; that it is missing is said before any work.
        import mlperf_loadgen  # noqa: F401, PLC0415
    pipeline = open_bundle(bundle, choose_backend(provider, threads=threads, options=provider_options))
    trials = [Trial(plan, branch, forecast) for plan in plans or [] if plan != BASELINE.plan]
    jobs = [
        Job(
            bundle=str(bundle),
            provider=provider,
            threads=threads,
            options=parse_options(provider_options or []),
            trial=each.trial,
            settings=settings,
            prompts=texts,
            load=load,
        )
        for load, each in product(loads, prepare(pipeline, trials, settings=settings))
    ]
    folders = _log_folders(jobs, logs, force=force)
    environment = read_environment()
    finished = _run(jobs, folders)
    record = make_scenario_record(pipeline.bundle, finished, settings=settings, prompts=texts, environment=environment)
    if output is not None:
        write_record(output, record)
    _print(record, as_json=as_json)


def _captions(seed: int) -> tuple[str, ...]:
    return tuple(caption.caption for caption in evaluation_captions(_CAPTIONS, seed))


def _read_prompts(path: Path) -> tuple[str, ...]:
    try:
        lines = tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text: {error}") from error
    found = tuple(line for line in lines if line)
    if not found:
        raise InputError(f"{path}: expected a prompt a line, found none")
    return found


def _log_folders(jobs: Sequence[Job], logs: Path | None, *, force: bool) -> list[Path | None]:
    """Where each job's logs are kept.

    Raises:
        InputError: There is something already, or the folder cannot be.
    """
    if logs is None:
        return [None] * len(jobs)
    folders = [logs / _name(job) for job in jobs]
    for folder in folders:
        if folder.exists() and not force:
            raise InputError(f"{folder}: exists already: choose another folder, or replace it with --force")
    return list(folders)


def _name(job: Job) -> str:
    plan = re.sub(r"[^a-z0-9]+", "-", job.trial.name.lower())
    return f"{job.load.scenario}-{plan}-batch-{job.load.batch}"


def _run(jobs: Sequence[Job], folders: Sequence[Path | None]) -> list[Finished]:
    finished = []
    with progress_bar() as progress:
        for job, kept in zip(jobs, folders, strict=True):
            name = f"{job.trial.name} batch {job.load.batch}"
            task = progress.add_task(name, total=job.load.queries)
            with ExitStack() as stack:
                if kept is None:
                    folder = Path(stack.enter_context(TemporaryDirectory()))
                else:
                    folder = stack.enter_context(log_folder(kept))
                for message in run_job(job, folder):
                    if isinstance(message, Finished):
                        finished.append(message)
                    else:
                        progress.update(task, completed=message.answered)
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
