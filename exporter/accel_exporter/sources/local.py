"""A pipeline in a folder of this machine, as ``save_pretrained`` or a download left it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from accel_exporter.sources import load
from accel_exporter.sources.configs import read_unet_config, read_vae_config
from accel_exporter.sources.digest import content_digest, is_description
from accel_exporter.sources.jsonfile import read_object
from accel_exporter.sources.model_index import MODEL_INDEX, read_model_index
from accel_exporter.sources.selection import WeightFiles, select_files, select_weights
from accel_exporter.sources.source import Origin
from accel_runtime.errors import SourceError


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A pipeline folder, checked to be whole; implements `Source`."""

    folder: Path
    origin: Origin
    model_index: Mapping[str, Any]
    scheduler_config: Mapping[str, Any]
    weights: Mapping[str, WeightFiles]

    @property
    def unet_config(self) -> Mapping[str, Any]:
        """The UNet's config, defaults filled in."""
        return read_unet_config(self.folder)

    @property
    def vae_config(self) -> Mapping[str, Any]:
        """The autoencoder's config, defaults filled in."""
        return read_vae_config(self.folder)

    @property
    def digest(self) -> str:
        """The hash of configs, tokenizer and chosen weights; weights of other variants do not count."""
        weights = {name for part in self.weights.values() for name in part.files}
        files = {name for name in folder_listing(self.folder) if is_description(name)} | weights
        return content_digest(self.folder, files, seed=None)

    def load_unet(self) -> UNet2DConditionModel:
        """Read the UNet from its weights files."""
        return load.load_unet(self.folder, self.weights["unet"])

    def load_vae(self) -> AutoencoderKL:
        """Read the autoencoder from its weights files."""
        return load.load_vae(self.folder, self.weights["vae"])

    def load_text_encoder(self) -> CLIPTextModel:
        """Read the text encoder from its weights files."""
        return load.load_text_encoder(self.folder, self.weights["text_encoder"])

    def load_tokenizer(self) -> CLIPTokenizer:
        """Read the tokenizer from its files."""
        return load.load_tokenizer(self.folder)


def open_folder(folder: Path, *, variant: str | None, origin: Origin | None = None) -> FolderSource:
    """Return the pipeline in ``folder``; no weights are read yet.

    Args:
        folder: A diffusers folder, with ``model_index.json``.
        variant: The weights variant to prefer, such as ``fp16``.
        origin: Where the folder came from, when that is not the folder itself.

    Raises:
        SourceError: There is no such folder, or it is not a whole Stable Diffusion pipeline.
    """
    if not folder.is_dir():
        raise SourceError(f"'{folder}' is not a folder: expected a diffusers folder, a hub id or an alias")
    if not (folder / MODEL_INDEX).is_file():
        raise SourceError(f"'{folder}' is not a diffusers folder: it has no {MODEL_INDEX}")
    index = read_model_index(folder)
    names = folder_listing(folder)
    select_files(names, variant=variant)
    return FolderSource(
        folder=folder,
        origin=origin or Origin(folder.resolve().name, revision=None, weights="trained", seed=None),
        model_index=index,
        scheduler_config=read_scheduler_config(folder),
        weights=select_weights(names, variant=variant),
    )


def folder_listing(folder: Path) -> frozenset[str]:
    """Return the files that can belong to a pipeline: at the root, and one level below."""
    files = [path for pattern in ("*", "*/*") for path in folder.glob(pattern) if path.is_file()]
    return frozenset(path.relative_to(folder).as_posix() for path in files)


def read_scheduler_config(folder: Path) -> dict[str, Any]:
    """Return the scheduler's config once it names its class.

    Raises:
        SourceError: The file cannot be read, or has no ``_class_name``.
    """
    name = "scheduler/scheduler_config.json"
    config = read_object(folder, name)
    if not isinstance(config.get("_class_name"), str):
        raise SourceError(
            f"{name}: expected '_class_name' with the scheduler's class, got {config.get('_class_name')!r}"
        )
    return config
