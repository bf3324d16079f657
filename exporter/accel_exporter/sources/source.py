"""The interface of pipelines in the exporter, whatever they were read from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeVar

from diffusers import AutoencoderKL, AutoencoderTiny, ControlNetModel, UNet2DConditionModel, UNet2DModel, VQModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from accel_runtime.manifest import Adaptation
from accel_runtime.plans.spec import PlanSpec

WeightsKind = Literal["trained", "random"]
# diffusers has no types, so that this must say that it is one.
Autoencoder: TypeAlias = AutoencoderKL | AutoencoderTiny
TextEncoder = CLIPTextModel | CLIPTextModelWithProjection
Model_co = TypeVar("Model_co", covariant=True)

# By the name that `model_index.json` gives a text encoder's class.
TEXT_CLASSES: Final[Mapping[str, type[TextEncoder]]] = {
    "CLIPTextModel": CLIPTextModel,
    "CLIPTextModelWithProjection": CLIPTextModelWithProjection,
}
# By the name that it gives the UNet's class.
UNET_CLASSES: Final[Mapping[str, type[UNet2DConditionModel | UNet2DModel]]] = {
    "UNet2DConditionModel": UNet2DConditionModel,
    "UNet2DModel": UNet2DModel,
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a pipeline came from, as the bundle's manifest tells it.

    Attributes:
        source: The hub id, the alias, or the name of the local folder (never a path of this machine).
        revision: The hub commit the files were taken from; None for anything else.
        weights: Whether the numbers mean anything.
        seed: The seed of random weights; None for trained ones.
    """

    source: str
    revision: str | None
    weights: WeightsKind
    seed: int | None


class ModelPart(Protocol[Model_co]):
    """One model of a pipeline, in a file or folder of its own, that is read when asked for."""

    @property
    def name(self) -> str:
        """The name of its file or folder, for messages."""

    @property
    def config(self) -> Mapping[str, Any]:
        """Its config, with the defaults that the file leaves out."""

    @property
    def digest(self) -> str:
        """The hash of everything that it reads."""

    def load(self) -> Model_co:
        """Return it in float32 and evaluation mode."""


ControlNetPart: TypeAlias = ModelPart[ControlNetModel]


class Source(Protocol):
    """A pipeline whose parts are read when asked for, one at a time.

    Every ``load_*`` call returns a new object, in float32 and evaluation mode, and the source
    keeps no reference: the peak memory of an export is that of its largest part.
    Whatever cannot be read raises `SourceError`.
    """

    @property
    def origin(self) -> Origin:
        """Where the pipeline came from."""

    @property
    def model_index(self) -> Mapping[str, Any]:
        """``model_index.json``, checked: a supported pipeline with all the parts it needs."""

    @property
    def scheduler_config(self) -> Mapping[str, Any]:
        """``scheduler/scheduler_config.json``, with the ``_class_name`` that the pipeline's index gives it."""

    @property
    def unet_config(self) -> Mapping[str, Any]:
        """``unet/config.json``, with the defaults that the file leaves out."""

    @property
    def vae_config(self) -> Mapping[str, Any]:
        """``vae/config.json``, with the defaults that the file leaves out."""

    @property
    def vqvae_config(self) -> Mapping[str, Any]:
        """``vqvae/config.json``, the autoencoder of latent diffusion without text; as above."""

    def text_config(self, part: str = "text_encoder") -> Mapping[str, Any]:
        """Return ``config.json`` of a text encoder, with the defaults that the file leaves out."""

    @property
    def controlnets(self) -> tuple[ControlNetPart, ...]:
        """The ControlNets that steer the UNet, in the order of their control images."""

    @property
    def plans(self) -> Mapping[str, PlanSpec]:
        """Plans that were solved for this model, by the names that a bundle gives them."""

    @property
    def adaptations(self) -> tuple[Adaptation, ...]:
        """What was changed in it for this export, in order."""

    @property
    def clip_skip(self) -> int:
        """How many of the text encoders' last layers prompts do without, as in diffusers."""

    @property
    def digest(self) -> str:
        """The hash of everything that it reads. The same content has the same hash in any place."""

    def load_unet(self) -> UNet2DConditionModel:
        """Return the UNet of a pipeline that takes text."""

    def load_unet_2d(self) -> UNet2DModel:
        """Return the UNet of a pipeline that takes none."""

    def load_vae(self) -> Autoencoder:
        """Return the autoencoder."""

    def load_vqvae(self) -> VQModel:
        """Return the autoencoder of latent diffusion without text, which has a codebook."""

    def load_text_encoder(self, part: str = "text_encoder") -> TextEncoder:
        """Return a text encoder by its part of the pipeline."""

    def load_tokenizer(self, part: str = "tokenizer") -> CLIPTokenizer:
        """Return a tokenizer by its part of the pipeline."""
