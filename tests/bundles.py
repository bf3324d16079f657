"""Bundles that are made once for each content and kept: see `tests.kept`."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tests.kept import kept, tree_digest

# What a pipeline's folder says of itself, its scheduler apart.
SOURCE_CONFIGS = (
    "model_index.json",
    "unet/config.json",
    "vae/config.json",
    "text_encoder/config.json",
    "tokenizer/tokenizer_config.json",
    "tokenizer/tokenizer.json",
)


def kept_source() -> Path:
    """A diffusers folder with a small random pipeline."""

    def make(folder: Path) -> None:
        from tests.exporter.pipelines import write_tiny_pipeline

        write_tiny_pipeline(folder)

    return kept("source", make)


def kept_bundle(name: str, source: str | Path, options: Any) -> Path:
    """The bundle of ``source``, a folder or a name, under `ExportOptions`; read it, and copy it to change it."""
    content = tree_digest(source) if isinstance(source, Path) else source
    return kept(name, exporting(source, options), facts=(content, options))


@cache
def small_bundle() -> Path:
    """The small pipeline with every branch and open dimensions."""
    from accel_exporter import ExportOptions

    return kept_bundle("small", kept_source(), ExportOptions(branches=None, max_steps=20))


def exporting(source: str | Path, options: Any) -> Callable[[Path], None]:
    """What exports ``source`` to the folder that it is given."""

    def export(folder: Path) -> None:
        from accel_exporter import export_bundle, open_source

        for _ in export_bundle(open_source(str(source)), folder, options=options):
            pass

    return export


@cache
def family_source(name: str) -> Path:
    """A diffusers folder with the small random pipeline of one of `tests.exporter.families.FAMILIES`."""

    def make(folder: Path) -> None:
        from tests.exporter.families import write_family

        write_family(name, folder)

    return kept(f"source-{name}", make)


@cache
def family_bundle(name: str) -> Path:
    """The bundle of a family's small pipeline: three branches, its own scheduler and some others, few steps."""
    from tests.exporter.families import SCHEDULERS_OF

    from accel_exporter import ExportOptions

    options = ExportOptions(branches=(0, 1, 2), max_steps=6, schedulers=SCHEDULERS_OF[name])
    return kept_bundle(f"family-{name}", family_source(name), options)


@cache
def gating_bundle() -> Path:
    """The small pipeline with graphs of gated calls, in two forms."""
    from accel_exporter import ExportOptions, parse_forms

    forms = parse_forms(["attention"])
    options = ExportOptions(branches=(0, 1), max_steps=24, schedulers=("ddim", "dpmpp_2m"), forms=forms, tgate=True)
    return kept_bundle("gating", kept_source(), options)


@cache
def merging_bundle() -> Path:
    """The small pipeline with graphs that merge half of the tokens."""
    from accel_exporter import ExportOptions

    options = ExportOptions(branches=(0,), max_steps=6, schedulers=("ddim",), tome=(0.5,))
    return kept_bundle("merging", kept_source(), options)
