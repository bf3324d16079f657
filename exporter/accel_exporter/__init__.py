"""Turn a diffusers pipeline into a bundle. Only this package imports torch and diffusers."""

from accel_exporter.export import Stage, export_bundle
from accel_exporter.options import (
    ExportOptions,
    StaticSize,
    parse_artifacts,
    parse_branches,
    parse_dtype,
    parse_forms,
    parse_int8,
    parse_tome,
    parse_vae_dtype,
)
from accel_exporter.sources import Changes, Embedding, Lora, Source, open_source

__all__ = [
    "Changes",
    "Embedding",
    "ExportOptions",
    "Lora",
    "Source",
    "Stage",
    "StaticSize",
    "export_bundle",
    "open_source",
    "parse_artifacts",
    "parse_branches",
    "parse_dtype",
    "parse_forms",
    "parse_int8",
    "parse_tome",
    "parse_vae_dtype",
]
