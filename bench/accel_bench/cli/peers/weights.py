"""`accel peers weights`."""

from pathlib import Path
from typing import Annotated

import typer

from accel_bench.base.extras import extra
from accel_bench.cli.console import note, print_line, progress_bar
from accel_bench.cli.export import CacheDir, Revision, Variant, Weights, WeightsKind, WeightsSeed


def weights(
    source: Annotated[
        str, typer.Argument(help="As in `accel export`: a diffusers folder, a hub id, or an alias: tiny, sd15.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The diffusers folder to write.")],
    *,
    kind: WeightsKind = Weights.TRAINED,
    seed: WeightsSeed = 0,
    variant: Variant = None,
    revision: Revision = None,
    cache_dir: CacheDir = None,
) -> None:
    """Save the pipeline that `accel export` exports as a float32 diffusers folder, which all peers read."""
    with extra("export"):
        from accel_exporter.sources import open_source, save_pipeline  # noqa: PLC0415  # brings torch
        from accel_exporter.staging import staged_folder  # noqa: PLC0415
    with progress_bar() as progress, staged_folder(output, force=False) as folder:
        progress.add_task(f"save {source}", total=None)
        pipeline = open_source(
            source, weights=kind.value, seed=seed, variant=variant, revision=revision, cache_dir=cache_dir
        )
        save_pipeline(pipeline, folder)
    if kind is Weights.RANDOM:
        note("random weights: timings are real, images and scores mean nothing")
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    print_line(f"{output}: {pipeline.origin.source}, {size / 1e6:.1f} MB")
