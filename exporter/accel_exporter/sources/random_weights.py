"""A pipeline of a known architecture with random weights: timing does not depend on weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from accel_exporter.jsonfile import read_object
from accel_exporter.quiet import quiet
from accel_exporter.sources.byte_tokenizer import byte_tokenizer
from accel_exporter.sources.configs import read_text_config, read_unet_config, read_vae_config
from accel_exporter.sources.digest import content_digest, is_description
from accel_exporter.sources.files import whole_files
from accel_exporter.sources.local import read_scheduler_config
from accel_exporter.sources.model_index import read_model_index
from accel_exporter.sources.source import Origin
from accel_runtime.errors import SourceError

ARCHITECTURES: Final = Path(__file__).parent / "architectures"


@dataclass(frozen=True, slots=True)
class RandomSource:
    """The configs of a pipeline, to be filled with seeded random weights; implements `Source`."""

    folder: Path
    origin: Origin
    seed: int
    model_index: Mapping[str, Any]
    scheduler_config: Mapping[str, Any]

    @property
    def unet_config(self) -> Mapping[str, Any]:
        """The UNet's config, defaults filled in."""
        return read_unet_config(self.folder)

    @property
    def vae_config(self) -> Mapping[str, Any]:
        """The autoencoder's config, defaults filled in."""
        return read_vae_config(self.folder)

    @property
    def text_config(self) -> Mapping[str, Any]:
        """The text encoder's config, defaults filled in."""
        return read_text_config(self.folder)

    @property
    def digest(self) -> str:
        """The hash of the configs and the seed."""
        return content_digest(self.folder, filter(is_description, whole_files(self.folder)), seed=self.seed)

    def load_unet(self) -> UNet2DConditionModel:
        """Build the UNet; the same seed gives the same weights, bit for bit."""
        config = read_object(self.folder, "unet/config.json")
        unet: UNet2DConditionModel = _seeded(UNet2DConditionModel.from_config, config, seed=self.seed)
        return unet

    def load_vae(self) -> AutoencoderKL:
        """Build the autoencoder; the same seed gives the same weights, bit for bit."""
        config = read_object(self.folder, "vae/config.json")
        vae: AutoencoderKL = _seeded(AutoencoderKL.from_config, config, seed=self.seed)
        return vae

    def load_text_encoder(self) -> CLIPTextModel:
        """Build the text encoder; the same seed gives the same weights, bit for bit."""
        config = CLIPTextConfig.from_dict(self._text_config())
        encoder: CLIPTextModel = _seeded(CLIPTextModel, config, seed=self.seed)
        return encoder

    def load_tokenizer(self) -> CLIPTokenizer:
        """Build the byte tokenizer that fits the text encoder."""
        config = self._text_config()
        return byte_tokenizer(config["vocab_size"], config["max_position_embeddings"])

    def _text_config(self) -> dict[str, Any]:
        return read_object(self.folder, "text_encoder/config.json")


def architectures() -> tuple[str, ...]:
    """Return the names of the architectures shipped with the package."""
    return tuple(sorted(folder.name for folder in ARCHITECTURES.iterdir() if folder.is_dir()))


def open_random(architecture: str, *, seed: int) -> RandomSource:
    """Return a pipeline of one of the shipped `architectures`; no weights are made yet.

    Raises:
        SourceError: No such architecture is shipped.
    """
    if architecture not in architectures():
        raise SourceError(f"'{architecture}' is not a shipped architecture: use {' or '.join(architectures())}")
    folder = ARCHITECTURES / architecture
    index = read_model_index(folder)
    return RandomSource(
        folder=folder,
        origin=Origin(architecture, revision=None, weights="random", seed=seed),
        seed=seed,
        model_index=index,
        scheduler_config=read_scheduler_config(folder, index),
    )


# The libraries annotate neither their constructors nor `eval`: the callers say what they get.
def _seeded(build: Callable[[Any], Any], config: object, *, seed: int) -> Any:
    """Build a module with the library's own initialisation, under which activations stay of order one.

    The caller's random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]), quiet():
        torch.default_generator.manual_seed(seed)
        return build(config).eval()
