"""`accel bench`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from accel_bench.backends import Form, Provider, ProviderOptions, choose_backend
from accel_bench.console import note, print_json, print_line, print_table, progress_bar
from accel_bench.doubts import machine, run_doubts
from accel_bench.environment import read_environment
from accel_bench.measure import Candidate, Measurement, make_record, measure
from accel_bench.outputs import check_outputs, write_record
from accel_bench.record import Config, RunRecord
from accel_bench.spans import Spans, TimedBackend
from accel_bench.summary import DEEP, Summary, summarise, times
from accel_runtime.forecast import Forecast
from accel_runtime.pipeline import Pipeline, open_bundle
from accel_runtime.request import Request

_PROMPT = "a squirrel"


def bench(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    *,
    plans: Annotated[
        list[str] | None,
        typer.Option("--plan", help="Deep calls to compare with full, such as every:3; repeat."),
    ] = None,
    steps: Annotated[int, typer.Option(help="Denoising steps.")] = 20,
    scheduler: Annotated[str | None, typer.Option(help="One of the bundle's.")] = None,
    guidance: Annotated[float, typer.Option(help="Classifier-free guidance.")] = 7.5,
    branch: Annotated[int, typer.Option(help="Where shallow calls cut the UNet.")] = 0,
    forecast: Annotated[Forecast, typer.Option(help="How a shallow call's feature is made.")] = Forecast.HOLD,
    batch: Annotated[int, typer.Option(help="Images at a time.")] = 1,
    height: Annotated[int | None, typer.Option(help="Pixels.")] = None,
    width: Annotated[int | None, typer.Option(help="Pixels.")] = None,
    rounds: Annotated[int, typer.Option(help="Samples of each plan.")] = 3,
    provider: Provider = "cpu",
    provider_options: ProviderOptions = None,
    form: Form = None,
    threads: Annotated[int | None, typer.Option(help="Threads per operator.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the record here.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing record.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print record and summary as JSON.")] = False,
) -> None:
    """Time the full UNet against cached plans, end to end and graph by graph."""
    if output is not None:
        check_outputs([output], force=force)
    spans = Spans()
    backend = TimedBackend(choose_backend(provider, threads=threads, options=provider_options), spans)
    pipeline = open_bundle(bundle, backend, low_memory=False, form=form)
    request = Request(prompts=(_PROMPT,), images_per_prompt=batch, height=height, width=width)
    names = ["full", *(name for name in plans or ("every:3", "every:5") if name != "full")]
    candidates = [
        Candidate(
            name=name,
            forecast=forecast.value,
            plan=pipeline.plan(steps, name, scheduler=scheduler, branch=branch, forecast=forecast, guidance=guidance),
            warm_up=pipeline.plan(min(steps, 2), "calls:0", scheduler=scheduler, branch=branch, guidance=guidance),
        )
        for name in dict.fromkeys(names)
    ]
    environment = read_environment()
    measurement = Measurement()
    with progress_bar() as progress:
        task = progress.add_task("warm-up", total=len(candidates) * (rounds + 1))
        for name in measure(
            pipeline, spans, request=request, candidates=candidates, rounds=rounds, measurement=measurement
        ):
            progress.update(task, description=name, advance=1)
    config = _config(pipeline, request, candidates[0], guidance=guidance, rounds=rounds)
    record = make_record(
        pipeline, environment=environment, config=config, candidates=candidates, measurement=measurement
    )
    _finish(record, output=output, as_json=as_json)


def _config(pipeline: Pipeline, request: Request, full: Candidate, *, guidance: float, rounds: int) -> Config:
    native = pipeline.bundle.manifest.model.sample_size
    return Config(
        scheduler=full.plan.schedule.scheduler,
        steps=full.plan.schedule.steps,
        guidance=guidance,
        height=request.height or native[0],
        width=request.width or native[1],
        batch=request.images_per_prompt,
        prompt=request.prompts[0],
        seed=request.seed,
        rounds=rounds,
    )


def _finish(record: RunRecord, *, output: Path | None, as_json: bool) -> None:
    summary = summarise(record)
    if output is not None:
        write_record(output, record)
    if as_json:
        print_json({"record": record, "summary": summary})
    else:
        _print(record, summary)
    for doubt in _doubts(record):
        note(doubt)


def _print(record: RunRecord, summary: Summary) -> None:
    config = record.config
    print_line(
        f"{record.bundle.source} {config.width}×{config.height}, batch {config.batch}, {config.scheduler} "
        f"{config.steps} steps, guidance {config.guidance:g}, {machine(record.backend, record.environment)}"
    )
    print_table(_graph_table(record, summary))
    print_table(_plan_table(summary))
    print_line(f"peak memory {record.peak_rss_bytes / 1e9:.2f} GB")


def _graph_table(record: RunRecord, summary: Summary) -> Table:
    table = Table(title="Seconds of one graph run", title_justify="left")
    table.add_column("graph", no_wrap=True)
    for heading in ("runs", "median", "min – max", "of deep", "FLOPs of deep"):
        table.add_column(heading, justify="right", no_wrap=True)
    flops = record.bundle.flops
    for row in summary.graphs:
        in_unet = row.of_deep is not None
        table.add_row(
            row.graph,
            str(row.seconds.samples),
            f"{row.seconds.median:.4f}",
            f"{row.seconds.low:.4f} – {row.seconds.high:.4f}",
            f"{row.of_deep:.1%}" if in_unet else "",
            f"{flops[row.graph] / flops[DEEP]:.1%}" if in_unet else "",
        )
    return table


def _plan_table(summary: Summary) -> Table:
    table = Table(title="End to end, against full in the same rounds", title_justify="left")
    table.add_column("plan", no_wrap=True)
    for heading in ("deep", "seconds", "speed-up", "UNet speed-up", "FLOP ceiling", "loop per call, of deep"):
        table.add_column(heading, justify="right", no_wrap=True)
    for plan in summary.plans:
        table.add_row(
            plan.name,
            f"{plan.deep}/{plan.calls}",
            f"{plan.image_s.median:.3f}",
            times(plan.speedup),
            f"{plan.unet_speedup.median:.2f}×",
            f"{plan.unet_ceiling:.2f}×",
            f"{plan.overhead_us:.0f} µs, {plan.overhead_of_deep:.2%}",
        )
    return table


def _doubts(record: RunRecord) -> list[str]:
    """Reasons not to trust the numbers; a later version makes them typed values in the record."""
    doubts = []
    if record.bundle.weights == "random":
        doubts.append("random weights: timings are real, images mean nothing")
    return doubts + run_doubts(record.environment, record.config.rounds, unit="rounds")
