"""`accel bench trace`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from accel_bench.base.files import check_outputs
from accel_bench.cli.console import note, print_line, progress_bar
from accel_bench.cli.options import MACHINE, RESULTS, Force, ProviderOptions, Threads, parse_options
from accel_bench.plans.prepare import prepare
from accel_bench.plans.workload import request_of, settings_of
from accel_bench.records.bench import BenchRecord
from accel_bench.records.store import read_bench
from accel_bench.trace import ProfiledImage, profile_image, write_trace
from accel_bench.trace.layout import contenders
from accel_runtime.backends import OnnxRuntimeBackend
from accel_runtime.bundle.bundle import Bundle, read_bundle
from accel_runtime.errors import InputError
from accel_runtime.pipeline import Pipeline


def trace(
    record: Annotated[Path, typer.Argument(help="A record that `accel bench` wrote.")],
    *,
    operators: Annotated[
        Path | None,
        typer.Option(
            metavar="BUNDLE",
            help="Also draw each plan once from this bundle, the record's, under ONNX Runtime's profiler.",
        ),
    ] = None,
    provider: Annotated[
        str, typer.Option(help="With --operators: ONNX Runtime's provider.", rich_help_panel=MACHINE)
    ] = "cpu",
    provider_options: ProviderOptions = None,
    form: Annotated[
        str | None,
        typer.Option(
            help="With --operators: which graphs to run.", show_default="the record's", rich_help_panel=MACHINE
        ),
    ] = None,
    threads: Threads = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The trace to write.", rich_help_panel=RESULTS)] = Path(
        "trace.json"
    ),
    force: Force = False,
) -> None:
    """Turn a record of `accel bench` into a trace for ui.perfetto.dev, with every image, stage and UNet call."""
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
    settings = settings_of(work)
    request = request_of(record.prompt, settings, size=(work.height, work.width), manifest=bundle.manifest)
    specs = [each.facts.plan for each in record.plans]
    # Plans are compiled from the bundle's schedules; nothing is loaded for that.
    planner = Pipeline(bundle, OnnxRuntimeBackend(provider, options=options))
    for each in prepare(planner, specs, settings=settings):
        yield profile_image(
            bundle,
            request,
            facts=each.facts,
            plan=each.plan,
            warm_up=each.warm_up,
            provider=provider,
            threads=threads,
            options=options,
            form=form,
        )
