"""`accel export`."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import Annotated, Final

import typer

from accel_bench.base.extras import extra
from accel_bench.cli.changes import ClipSkip, Config, Embeddings, Loras, Vae
from accel_bench.cli.console import note, print_json, print_line, progress_bar
from accel_bench.cli.options import RESULTS, AsJson, Force
from accel_bench.records.environment import available_cores, peak_rss_bytes
from accel_runtime.bundle.bundle import read_bundle
from accel_runtime.errors import InputError

# The groups of the help page.
SOURCE: Final = "The model"
GRAPHS: Final = "Graphs"
SCHEDULES: Final = "Schedules"


class Weights(StrEnum):
    """Where weights come from."""

    TRAINED = "trained"
    RANDOM = "random"


class PackageDevice(StrEnum):
    """Device that AOTInductor packages are compiled for; torch calls AMD's GPUs `cuda`, too."""

    CPU = "cpu"
    CUDA = "cuda"


WeightsKind = Annotated[
    Weights,
    typer.Option("--weights", help="random: only an alias's architecture, without a download.", rich_help_panel=SOURCE),
]
WeightsSeed = Annotated[int, typer.Option(help="With --weights random: their seed.", rich_help_panel=SOURCE)]
Variant = Annotated[
    str | None, typer.Option(help="Prefer this variant of the weights, such as fp16.", rich_help_panel=SOURCE)
]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit on the hub.", rich_help_panel=SOURCE)]
ControlNets = Annotated[
    list[Path] | None,
    typer.Option(
        "--controlnet", help="Folder of a ControlNet that steers the model; repeat for several.", rich_help_panel=SOURCE
    ),
]
CacheDir = Annotated[
    Path | None, typer.Option(help="Folder for downloads.", show_default="the hub's cache", rich_help_panel=SOURCE)
]


def export(
    source: Annotated[
        str,
        typer.Argument(
            help="A diffusers folder, a checkpoint in one file (.safetensors, .ckpt), a hub id, or an alias: tiny (the "
            "built-in model), sd15, sd15-inpaint, sd15-controlnet, sd21, sdxl, sdxl-refiner, sdxl-turbo, lcm-sd15, "
            "ddpm-cat."
        ),
    ] = "tiny",
    *,
    weights: WeightsKind = Weights.TRAINED,
    seed: WeightsSeed = 0,
    variant: Variant = None,
    revision: Revision = None,
    cache_dir: CacheDir = None,
    config: Config = None,
    loras: Loras = None,
    embeddings: Embeddings = None,
    vae: Vae = None,
    clip_skip: ClipSkip = 0,
    controlnet: ControlNets = None,
    branches: Annotated[
        str,
        typer.Option(help="Cuts of the UNet that get a shallow graph, by commas, or all.", rich_help_panel=GRAPHS),
    ] = "0,1",
    dtype: Annotated[
        str,
        typer.Option(
            help="What UNet and text encoder compute in: fp32, fp16, bf16; of the UNet int8-mixed, int8-weights.",
            rich_help_panel=GRAPHS,
        ),
    ] = "fp32",
    int8_loss: Annotated[
        float | None,
        typer.Option(
            "--int8-loss-db",
            help="With int8-mixed: mean PSNR to the float32 pictures to keep, in dB.",
            show_default="46",
            rich_help_panel=GRAPHS,
        ),
    ] = None,
    vae_dtype: Annotated[
        str,
        typer.Option(help="What the VAE computes in: fp32, or fp16 if its values fit.", rich_help_panel=GRAPHS),
    ] = "fp32",
    artifacts: Annotated[
        list[str] | None,
        typer.Option(
            "--artifact",
            help="inductor adds AOTInductor packages to the ONNX graphs, which are always written; repeat.",
            show_default="onnx",
            rich_help_panel=GRAPHS,
        ),
    ] = None,
    forms: Annotated[
        list[str] | None,
        typer.Option(
            "--form",
            help="fused, attention or native adds such graphs to the plain ones, which are always written; repeat.",
            show_default="plain",
            rich_help_panel=GRAPHS,
        ),
    ] = None,
    tome: Annotated[
        str | None,
        typer.Option(
            help="Further UNet graphs that merge these shares of the tokens (ToMe), such as 0.3,0.5.",
            show_default="none",
            rich_help_panel=GRAPHS,
        ),
    ] = None,
    tgate: Annotated[
        bool,
        typer.Option(
            "--tgate",
            help="Further UNet graphs, of calls that take what cross-attentions gave before (T-GATE).",
            rich_help_panel=GRAPHS,
        ),
    ] = False,
    device: Annotated[
        PackageDevice,
        typer.Option(help="With inductor: what packages are compiled for.", rich_help_panel=GRAPHS),
    ] = PackageDevice.CPU,
    opset: Annotated[
        int | None,
        typer.Option(help="ONNX operator set, 18 to 23.", show_default="18, for bf16 23", rich_help_panel=GRAPHS),
    ] = None,
    static: Annotated[
        bool, typer.Option("--static", help="Fix batch, height and width.", rich_help_panel=GRAPHS)
    ] = False,
    batch: Annotated[
        int | None,
        typer.Option(help="With --static: images drawn together.", show_default="1", rich_help_panel=GRAPHS),
    ] = None,
    height: Annotated[
        int | None, typer.Option(help="With --static: pixels.", show_default="the model's", rich_help_panel=GRAPHS)
    ] = None,
    width: Annotated[
        int | None, typer.Option(help="With --static: pixels.", show_default="the model's", rich_help_panel=GRAPHS)
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            help="Largest relative difference to torch that is accepted.",
            show_default="1e-4, for fp16 2e-2, for bf16 1e-1",
            rich_help_panel=GRAPHS,
        ),
    ] = None,
    schedulers: Annotated[
        str | None,
        typer.Option(
            help="Schedulers to compile, by commas; `pipeline` is the source's own.",
            show_default="those that `accel schedulers` marks",
            rich_help_panel=SCHEDULES,
        ),
    ] = None,
    max_steps: Annotated[
        int, typer.Option(help="Compile schedules of 1 to this many steps.", rich_help_panel=SCHEDULES)
    ] = 100,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The bundle to write.", show_default="SOURCE-bundle, here", rich_help_panel=RESULTS
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            help="Processes, 1 or 2; a second one needs memory of its own.",
            show_default="2 for tiny, else 1",
            rich_help_panel=RESULTS,
        ),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Export a pipeline as a bundle: UNet graphs deep and shallow, text encoder, VAE, schedules, manifest.

    Without SOURCE it exports `tiny`, the built-in model, whose weights come with the package.
    """
    with extra("export"):
        # The exporter brings torch, so it is imported only where it is used.
        from accel_exporter import (  # noqa: PLC0415
            Changes,
            Embedding,
            ExportOptions,
            Lora,
            StaticSize,
            export_bundle,
            open_source,
            parse_artifacts,
            parse_branches,
            parse_dtype,
            parse_forms,
            parse_int8,
            parse_tome,
            parse_vae_dtype,
        )
        from accel_exporter.schedules import own_name  # noqa: PLC0415
        from accel_exporter.sources import is_checkpoint  # noqa: PLC0415
        from accel_exporter.staging import check_target  # noqa: PLC0415
    fixed = {"--batch": batch, "--height": height, "--width": width}
    _refuse_without_static(fixed, is_static=static)
    int8 = parse_int8(dtype, int8_loss)
    options = ExportOptions(
        branches=parse_branches(branches),
        dtype="float32" if int8 else parse_dtype(dtype),
        int8=int8,
        vae_dtype=parse_vae_dtype(vae_dtype),
        opset=opset,
        static=StaticSize(batch=batch or 1, height=height, width=width) if static else None,
        max_steps=max_steps,
        tolerance=tolerance,
        forms=parse_forms(forms or ["plain"]),
        tome=parse_tome(tome) if tome else (),
        tgate=tgate,
        with_inductor="inductor" in parse_artifacts(artifacts or ["onnx"]),
        device=device.value,
        jobs=jobs or _usual_jobs(source, weights),
        **({} if schedulers is None else {"schedulers": tuple(schedulers.split(","))}),
    )
    changes = Changes(
        loras=tuple(map(Lora.parse, loras or ())),
        embeddings=tuple(map(Embedding.parse, embeddings or ())),
        vae=vae,
        clip_skip=clip_skip,
    )
    name = Path(source).stem if is_checkpoint(source) else Path(source).name
    target = output or Path(f"{name}-bundle")
    check_target(target, force=force)
    started = perf_counter()
    with progress_bar() as progress:
        task = progress.add_task(f"open {source}", total=None)
        pipeline = open_source(
            source,
            weights=weights.value,
            seed=seed,
            variant=variant,
            revision=revision,
            cache_dir=cache_dir,
            config=config,
            changes=changes,
            controlnets=controlnet or (),
        )
        for stage in export_bundle(pipeline, target, options=options, force=force):
            progress.update(task, description=stage.name, completed=stage.done, total=stage.total)
    _report(target, own_name(pipeline.scheduler_config), seconds=perf_counter() - started, as_json=as_json)


def _usual_jobs(source: str, weights: Weights) -> int:
    """Two processes for the built-in model, one for others, whose UNet may fill the memory."""
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
        note(f"the pipeline's own scheduler, {own_scheduler}, was not asked for: without --scheduler, {default} draws")
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
