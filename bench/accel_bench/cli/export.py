"""`accel export`."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from accel_bench.base.extras import export_extra
from accel_bench.cli.console import note, print_json, print_line, progress_bar
from accel_bench.records.environment import available_cores, peak_rss_bytes
from accel_runtime.bundle import read_bundle
from accel_runtime.errors import InputError


class Weights(StrEnum):
    """Where weights come from."""

    TRAINED = "trained"
    RANDOM = "random"


class PackageDevice(StrEnum):
    """What AOTInductor packages are compiled for; `cuda` is also torch's name for AMD's GPUs."""

    CPU = "cpu"
    CUDA = "cuda"


def export(
    source: Annotated[str, typer.Argument(help="A diffusers folder, a hub id, or an alias: tiny, sd15.")] = "tiny",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The bundle to write; by default SOURCE-bundle, here.")
    ] = None,
    *,
    branches: Annotated[str, typer.Option(help="Cuts that get a shallow graph: 0,1 or all.")] = "0,1",
    weights: Annotated[Weights, typer.Option(help="random: an alias's architecture, no download.")] = Weights.TRAINED,
    seed: Annotated[int, typer.Option(help="Seed of random weights.")] = 0,
    variant: Annotated[str | None, typer.Option(help="Weights variant to prefer, such as fp16.")] = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit on the hub.")] = None,
    cache_dir: Annotated[Path | None, typer.Option(help="Where downloads are kept.")] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="onnx, which is always written, or inductor, which adds packages; repeat."),
    ] = None,
    forms: Annotated[
        list[str] | None,
        typer.Option("--form", help="plain, which is always written, fused or native, which add graphs; repeat."),
    ] = None,
    device: Annotated[PackageDevice, typer.Option(help="What inductor packages are compiled for.")] = PackageDevice.CPU,
    dtype: Annotated[str, typer.Option(help="What UNet and text encoder compute in: fp32, fp16 or bf16.")] = "fp32",
    opset: Annotated[int | None, typer.Option(help="ONNX operator set, 18 to 23; by default 18, of bf16 23.")] = None,
    static: Annotated[bool, typer.Option("--static", help="Fix batch, height and width.")] = False,
    batch: Annotated[int | None, typer.Option(help="With --static: images at a time.")] = None,
    height: Annotated[int | None, typer.Option(help="With --static: pixels.")] = None,
    width: Annotated[int | None, typer.Option(help="With --static: pixels.")] = None,
    schedulers: Annotated[str | None, typer.Option(help="These only, by commas; pipeline is the source's own.")] = None,
    max_steps: Annotated[int, typer.Option(help="Compile schedules of 1 to this many steps.")] = 100,
    tolerance: Annotated[
        float | None,
        typer.Option(help="Largest relative difference to torch; by default 1e-4, of fp16 2e-2, of bf16 1e-1."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(help="Processes, 1 or 2: a second one takes memory of its own; by default 2 for `tiny` alone."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a bundle at the output.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was made as JSON.")] = False,
) -> None:
    """Export a pipeline as a bundle: deep and shallow UNet graphs, CLIP, VAE, schedules, manifest.

    Without SOURCE it is the built-in model, `tiny`, whose weights come with the package.
    """
    with export_extra():
        # The exporter brings torch, so it is imported only where it is used.
        from accel_exporter import (  # noqa: PLC0415
            ExportOptions,
            StaticSize,
            export_bundle,
            open_source,
            parse_branches,
            parse_dtype,
            parse_formats,
            parse_forms,
        )
        from accel_exporter.schedules import own_name  # noqa: PLC0415
        from accel_exporter.staging import check_target  # noqa: PLC0415
    fixed = {"--batch": batch, "--height": height, "--width": width}
    _refuse_without_static(fixed, is_static=static)
    options = ExportOptions(
        branches=parse_branches(branches),
        dtype=parse_dtype(dtype),
        opset=opset,
        static=StaticSize(batch=batch or 1, height=height, width=width) if static else None,
        max_steps=max_steps,
        tolerance=tolerance,
        forms=parse_forms(forms or ["plain"]),
        with_inductor="inductor" in parse_formats(formats or ["onnx"]),
        device=device.value,
        jobs=jobs or _usual_jobs(source, weights),
        **({} if schedulers is None else {"schedulers": tuple(schedulers.split(","))}),
    )
    target = output or Path(f"{Path(source).name}-bundle")
    check_target(target, force=force)
    started = perf_counter()
    with progress_bar() as progress:
        task = progress.add_task(f"open {source}", total=None)
        pipeline = open_source(
            source, weights=weights.value, seed=seed, variant=variant, revision=revision, cache_dir=cache_dir
        )
        for stage in export_bundle(pipeline, target, options=options, force=force):
            progress.update(task, description=stage.name, completed=stage.done, total=stage.total)
    _report(target, own_name(pipeline.scheduler_config), seconds=perf_counter() - started, as_json=as_json)


def _usual_jobs(source: str, weights: Weights) -> int:
    """Two processes for the built-in model; one for pipelines of any size, whose UNet alone may fill the memory."""
    return 2 if source == "tiny" and weights is Weights.TRAINED and available_cores() > 1 else 1


def _refuse_without_static(fixed: Mapping[str, int | None], *, is_static: bool) -> None:
    given = [name for name, value in fixed.items() if value is not None]
    if given and not is_static:
        raise InputError(f"{given[0]} fixes a size: add --static, or leave it out and choose it in `accel generate`")


def _report(output: Path, own_scheduler: str, *, seconds: float, as_json: bool) -> None:
    bundle = read_bundle(output, verification="sizes")
    manifest = bundle.manifest
    size = sum(file.size for file in manifest.files.values())
    if manifest.provenance.weights == "random":
        note("random weights: timings are real, images and scores mean nothing")
    default = manifest.schedules.default
    if default != own_scheduler:
        note(f"the pipeline's own scheduler, {own_scheduler}, was not asked for: {default} draws where none is named")
    if as_json:
        print_json(
            {
                "bundle": str(output),
                "digest": bundle.digest,
                "branches": manifest.branches,
                "bytes": size,
                "seconds": seconds,
                "peak_rss_bytes": peak_rss_bytes(with_children=True),
                "relative_error": {name: graph.relative_error for name, graph in manifest.graphs.items()},
                "forms": {
                    form: {name: graph.relative_error for name, graph in graphs.items()}
                    for form, graphs in manifest.forms.items()
                },
            }
        )
        return
    worst = max(graph.relative_error for graph in manifest.graphs.values())
    print_line(
        f"{output}: branches {', '.join(map(str, manifest.branches))}, {size / 1e6:.1f} MB, "
        f"{seconds:.0f} s, peak memory {peak_rss_bytes(with_children=True) / 1e9:.1f} GB, "
        f"largest difference to torch {worst:.1e}"
    )
