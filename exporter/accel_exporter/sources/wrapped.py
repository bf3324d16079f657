"""A pipeline around another: what it does not change is the other's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from diffusers import UNet2DConditionModel, UNet2DModel, VQModel
from transformers import CLIPTokenizer

from accel_exporter.sources.source import Autoencoder, Origin, Source, TextEncoder


@dataclass(frozen=True, slots=True)
class WrappedSource:
    """Most of a `Source`, as ``own`` has it; who inherits says the rest, and what differs."""

    own: Source

    @property
    def origin(self) -> Origin:
        """The pipeline's."""
        return self.own.origin

    @property
    def scheduler_config(self) -> Mapping[str, Any]:
        """The pipeline's."""
        return self.own.scheduler_config

    @property
    def unet_config(self) -> Mapping[str, Any]:
        """The pipeline's."""
        return self.own.unet_config

    @property
    def vae_config(self) -> Mapping[str, Any]:
        """The pipeline's."""
        return self.own.vae_config

    @property
    def vqvae_config(self) -> Mapping[str, Any]:
        """The pipeline's."""
        return self.own.vqvae_config

    def text_config(self, part: str = "text_encoder") -> Mapping[str, Any]:
        """The pipeline's."""
        return self.own.text_config(part)

    def load_unet(self) -> UNet2DConditionModel:
        """The pipeline's."""
        return self.own.load_unet()

    def load_unet_2d(self) -> UNet2DModel:
        """The pipeline's."""
        return self.own.load_unet_2d()

    def load_vqvae(self) -> VQModel:
        """The pipeline's."""
        return self.own.load_vqvae()

    def load_vae(self) -> Autoencoder:
        """The pipeline's."""
        return self.own.load_vae()

    def load_text_encoder(self, part: str = "text_encoder") -> TextEncoder:
        """The pipeline's."""
        return self.own.load_text_encoder(part)

    def load_tokenizer(self, part: str = "tokenizer") -> CLIPTokenizer:
        """The pipeline's."""
        return self.own.load_tokenizer(part)
