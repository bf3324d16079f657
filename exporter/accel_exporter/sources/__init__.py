"""Where pipelines come from: local folders, single files, a hub, or shipped architectures with random weights."""

from accel_exporter.sources.adapted import Changes
from accel_exporter.sources.embedding import Embedding
from accel_exporter.sources.hub import open_hub
from accel_exporter.sources.local import FolderSource, open_folder
from accel_exporter.sources.lora import Lora
from accel_exporter.sources.random_weights import RandomSource, architectures, open_random
from accel_exporter.sources.resolve import is_checkpoint, open_source
from accel_exporter.sources.save import save_pipeline
from accel_exporter.sources.selection import WeightFiles, select_files
from accel_exporter.sources.shipped import ALIASES, Alias
from accel_exporter.sources.source import Origin, Source, WeightsKind

__all__ = [
    "ALIASES",
    "Alias",
    "Changes",
    "Embedding",
    "FolderSource",
    "Lora",
    "Origin",
    "RandomSource",
    "Source",
    "WeightFiles",
    "WeightsKind",
    "architectures",
    "is_checkpoint",
    "open_folder",
    "open_hub",
    "open_random",
    "open_source",
    "save_pipeline",
    "select_files",
]
