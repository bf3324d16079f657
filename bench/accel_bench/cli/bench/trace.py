"""`accel bench trace`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from accel_bench.base.files import check_outputs
from accel_bench.cli.backends import parse_options
from accel_bench.cli.console import note, print_line, progress_bar
from accel_bench.plans.prepare import Settings, prepare
from accel_bench.records.bench import BenchRecord
from accel_bench.records.store import read_bench
from accel_bench.trace import ProfiledImage, profile_image, write_trace
from accel_bench.trace.layout import contenders
from accel_runtime.backends import OnnxRuntimeBackend
from accel_runtime.bundle import Bundle, read_bundle
from accel_runtime.errors import InputError
from accel_runtime.pipeline import Pipeline
from accel_runtime.request import Request


def trace(
    record: Annotated[Path, typer.Argument(help="A record of `accel bench`.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The trace to write.")] = Path("trace.json"),
    operators: Annotated[
        Path | None,
        typer.Option(
            metavar="BUNDLE", help="Draw each plan once more from the record's bundle, under ONNX Runtime's profiler."
        ),
    ] = None,
    provider: Annotated[str, typer.Option(help="With --operators: ONNX Runtime's provider.")] = "cpu",
    provider_options: Annotated[
        list[str] | None,
        typer.Option("--provider-option", metavar="KEY=VALUE", help="With --operators: an option of it; repeat."),
    ] = None,
    form: Annotated[
        str | None, typer.Option(help="With --operators: which graphs to run; by default those of the record.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="With --operators: threads per operator.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output.")] = False,
) -> None:
    """Turn a record of `accel bench` into a trace that ui.perfetto.dev draws: every image, stage and call."""
    check_outputs([output], force=force)
    measured = read_bench(record)
    profiled: list[ProfiledImage] = []
    if operators is not None:
        bundle = _same_bundle(operators, measured)
        options = parse_options(provider_options or [])
        ran = form or str(measured.backend.options.get("form", "plain"))
        with progress_bar() as progress:
            task = progress.add_task("operators", total=len(measured.plans))
            for image in _profile(bundle, measured, provider=provider, options=options, form=ran, threads=threads):
                profiled.append(image)
                progress.update(task, description=image.name, advance=1)
    write_trace(measured, output, profiled=profiled)
    drawn = [len(each.images) for each in contenders(measured)]
    print_line(f"{output}  {sum(drawn)} images of {len(drawn)} contenders")
    note("open it at https://ui.perfetto.dev, which draws it in the browser and sends it nowhere")


def _same_bundle(folder: Path, record: BenchRecord) -> Bundle:
    bundle = read_bundle(folder)
    if bundle.digest != record.bundle.digest:
        raise InputError(f"{folder}: expected the record's bundle {record.bundle.digest}, got {bundle.digest}")
    return bundle


def _profile(
    bundle: Bundle, record: BenchRecord, *, provider: str, options: dict[str, str], form: str, threads: int | None
) -> Iterator[ProfiledImage]:
    work = record.workload
    settings = Settings(work.steps, work.scheduler, guidance=work.guidance, batch=work.batch, seed=work.seed)
    request = Request(
        prompts=(record.prompt,),
        images_per_prompt=work.batch,
        seed=work.seed,
        height=work.height,
        width=work.width,
    )
    specs = [each.facts.plan for each in record.plans]
    # Plans are compiled from the bundle's schedules; nothing is loaded for that.
    planner = Pipeline(bundle, OnnxRuntimeBackend(provider, options=options))
    for each in prepare(planner, specs, settings=settings):
        yield profile_image(
            bundle,
            request,
            facts=each.facts,
            plan=each.plan,
            warm_up_plan=each.warm_up,
            provider=provider,
            threads=threads,
            options=options,
            form=form,
        )
