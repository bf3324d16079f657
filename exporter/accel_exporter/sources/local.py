"""A pipeline in a folder of this machine, as ``save_pretrained`` or a download left it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from diffusers import UNet2DConditionModel, UNet2DModel, VQModel
from transformers import CLIPTokenizer

from accel_exporter.base_config import base_config
from accel_exporter.sources import load
from accel_exporter.sources.common import (
    check_files,
    content_digest,
    folder_listing,
    is_description,
    read_object,
    whole_files,
)
from accel_exporter.sources.configs import read_text_config, read_unet_config, read_vae_config, read_vqvae_config
from accel_exporter.sources.controlnets import ControlNetFolder, open_controlnet, own_controlnets
from accel_exporter.sources.flat import pipeline_index
from accel_exporter.sources.selection import WeightFiles, inside, place_of, select_files, select_weights
from accel_exporter.sources.source import TEXT_CLASSES, UNET_CLASSES, Autoencoder, Origin, TextEncoder
from accel_runtime.errors import SourceError
from accel_runtime.manifest import Adaptation
from accel_runtime.plans.spec import PlanSpec


@dataclass(frozen=True, slots=True)
class DescribedFolder:
    """A pipeline folder as far as its configs tell; the part of `Source` that needs no weights."""

    folder: Path
    origin: Origin
    model_index: Mapping[str, Any]
    scheduler_config: Mapping[str, Any]

    @property
    def unet_place(self) -> str:
        """The folder of the UNet, relative to the pipeline's."""
        return "unet"

    @property
    def unet_config(self) -> Mapping[str, Any]:
        """The UNet's config, defaults filled in."""
        return read_unet_config(self.folder, UNET_CLASSES[self.model_index["unet"][1]], part=self.unet_place)

    @property
    def vae_config(self) -> Mapping[str, Any]:
        """The autoencoder's config, defaults filled in."""
        return read_vae_config(self.folder)

    @property
    def vqvae_config(self) -> Mapping[str, Any]:
        """The config of the autoencoder with a codebook, defaults filled in."""
        return read_vqvae_config(self.folder)

    @property
    def plans(self) -> Mapping[str, PlanSpec]:
        """None: nobody solved any for this model."""
        return {}

    @property
    def adaptations(self) -> tuple[Adaptation, ...]:
        """None: it is as its author made it."""
        return ()

    @property
    def clip_skip(self) -> int:
        """None: prompts pass all layers."""
        return 0

    def text_config(self, part: str = "text_encoder") -> Mapping[str, Any]:
        """A text encoder's config, defaults filled in."""
        return read_text_config(self.folder, part)


@dataclass(frozen=True, slots=True)
class FolderSource(DescribedFolder):
    """A pipeline folder, checked to be whole; implements `Source`."""

    weights: Mapping[str, WeightFiles]
    controlnets: tuple[ControlNetFolder, ...] = ()

    @property
    def unet_place(self) -> str:
        """Where its weights are: see `place_of`."""
        return str(PurePosixPath(self.weights["unet"].files[0]).parent)

    @property
    def digest(self) -> str:
        """The hash of configs, tokenizer and chosen weights; weights of other variants do not count."""
        parts = (*self.weights.values(), *(each.weights for each in self.controlnets))
        weights = {name for part in parts for name in part.files}
        files = {name for name in whole_files(self.folder) if is_description(name)} | weights
        return content_digest(self.folder, files, seed=None)

    def load_unet(self) -> UNet2DConditionModel:
        """Read the UNet from its weights files."""
        return load.load_unet(self.folder, self.weights["unet"])

    def load_unet_2d(self) -> UNet2DModel:
        """Read the UNet that takes no text from its weights files."""
        return load.load_unet_2d(self.folder, self.weights["unet"], part=self.unet_place)

    def load_vqvae(self) -> VQModel:
        """Read the autoencoder with a codebook from its weights files."""
        return load.load_vqvae(self.folder, self.weights["vqvae"])

    def load_vae(self) -> Autoencoder:
        """Read the autoencoder from its weights files."""
        return load.load_vae(self.folder, self.weights["vae"])

    def load_text_encoder(self, part: str = "text_encoder") -> TextEncoder:
        """Read a text encoder from its weights files."""
        model = TEXT_CLASSES[self.model_index[part][1]]
        return load.load_text_encoder(self.folder, self.weights[part], part=part, model=model)

    def load_tokenizer(self, part: str = "tokenizer") -> CLIPTokenizer:
        """Read a tokenizer from its files."""
        return load.load_tokenizer(self.folder, part)


def open_folder(folder: Path, *, variant: str | None, origin: Origin | None = None) -> FolderSource:
    """Return the pipeline in ``folder``; no weights are read yet.

    Args:
        folder: A diffusers folder, with ``model_index.json``.
        variant: The weights variant to prefer, such as ``fp16``.
        origin: Where the folder came from, when that is not the folder itself.

    Raises:
        SourceError: There is no such folder, or it is not a whole pipeline that can be exported.
    """
    if not folder.is_dir():
        raise SourceError(f"'{folder}' is not a folder: expected a diffusers folder, a hub id or an alias")
    names = folder_listing(folder)
    # Of a pipeline that we cannot export no part is looked for.
    check_files(folder, select_files(names, pipeline_index(folder, names), variant=variant))
    origin = origin or Origin(folder.resolve().name, revision=None, weights="trained", seed=None)
    return folder_source(folder, names, variant=variant, origin=origin)


def folder_source(folder: Path, names: Collection[str], *, variant: str | None, origin: Origin) -> FolderSource:
    """Return the pipeline in ``folder``, of whose weights only the ``names`` need to be there yet.

    Raises:
        SourceError: It is no pipeline that can be exported.
    """
    index = pipeline_index(folder, names)
    return FolderSource(
        folder=folder,
        origin=origin,
        model_index=index,
        scheduler_config=read_scheduler_config(folder, index, place=place_of(names, "scheduler", index)),
        weights=select_weights(names, index, variant=variant),
        controlnets=tuple(open_controlnet(each, variant=variant) for each in own_controlnets(folder, index)),
    )


def read_scheduler_config(folder: Path, index: Mapping[str, Any], *, place: str = "scheduler") -> dict[str, Any]:
    """Return the scheduler's config with the class that the pipeline's index gives it, as diffusers loads it.

    Args:
        folder: The pipeline's.
        index: Its ``model_index.json``, checked.
        place: The scheduler's folder.

    Raises:
        SourceError: The file cannot be read, or its ``_class_name`` is no name.
    """
    name = inside(place, "scheduler_config.json")
    config = read_object(folder, name)
    if not isinstance(config.get("_class_name", ""), str):
        raise SourceError(f"{name}: expected '_class_name' with the scheduler's class, got {config['_class_name']!r}")
    return base_config({**config, "_class_name": index["scheduler"][1]}, index["_class_name"])
