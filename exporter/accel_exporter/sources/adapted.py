"""A pipeline with what people add to one: LoRA, learned words, another autoencoder, skipped text layers."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers import UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTokenizer

from accel_exporter.sources.autoencoder import OtherVae, open_vae
from accel_exporter.sources.configs import unet_skeleton
from accel_exporter.sources.embedding import Embedding, OpenEmbedding, open_embedding
from accel_exporter.sources.lora import Lora, OpenLora, open_lora
from accel_exporter.sources.model_index import encoder_of, takes_text, text_encoders, tokenizer_of
from accel_exporter.sources.original_layout import empty_model
from accel_exporter.sources.source import TEXT_CLASSES, Autoencoder, ControlNetPart, Source, TextEncoder
from accel_exporter.sources.tensor_file import open_tensors
from accel_exporter.sources.wrapped import WrappedSource
from accel_runtime.bundle.bundle import describe_file
from accel_runtime.errors import InputError
from accel_runtime.manifest import Adaptation
from accel_runtime.plans.spec import PlanSpec


@dataclass(frozen=True, slots=True)
class Changes:
    """What is changed in a pipeline for one export.

    Attributes:
        loras: LoRA files to add to the weights.
        embeddings: Files of textual inversion, whose words are added to the vocabulary.
        vae: A folder or file of an autoencoder that takes the place of the own.
        clip_skip: How many of the text encoders' last layers prompts do without, as in diffusers.
    """

    loras: tuple[Lora, ...] = ()
    embeddings: tuple[Embedding, ...] = ()
    vae: Path | None = None
    clip_skip: int = 0

    def check_files(self) -> None:
        """Check that all files are there and whole, which needs no pipeline: one may have to be downloaded.

        Raises:
            SourceError: One is not.
        """
        for lora in self.loras:
            open_tensors(lora.path, what="a LoRA")
        for embedding in self.embeddings:
            open_tensors(embedding.path, what="an embedding")
        if self.vae is not None and not self.vae.is_dir():
            open_tensors(self.vae, what="the folder of an autoencoder, or a file of one")


@dataclass(frozen=True, slots=True)
class AdaptedSource(WrappedSource):
    """A pipeline with changes; implements `Source`. Whatever is not said here is the pipeline's own."""

    loras: tuple[OpenLora, ...]
    embeddings: tuple[OpenEmbedding, ...]
    vae: OtherVae | None
    clip_skip: int

    @property
    def model_index(self) -> Mapping[str, Any]:
        """The pipeline's, with the class of the autoencoder."""
        if self.vae is None:
            return self.own.model_index
        return {**self.own.model_index, "vae": ["diffusers", self.vae.config["_class_name"]]}

    @property
    def vae_config(self) -> Mapping[str, Any]:
        """Of the autoencoder that is exported."""
        return self.own.vae_config if self.vae is None else self.vae.config

    @property
    def controlnets(self) -> tuple[ControlNetPart, ...]:
        """The pipeline's."""
        return self.own.controlnets

    def text_config(self, part: str = "text_encoder") -> Mapping[str, Any]:
        """The pipeline's, with room for the words that were added."""
        config = self.own.text_config(part)
        if not self.embeddings:
            return config
        return {**config, "vocab_size": max(config["vocab_size"], len(self.load_tokenizer(tokenizer_of(part))))}

    @property
    def plans(self) -> Mapping[str, PlanSpec]:
        """Plans that were solved for other weights are none for these."""
        return {} if self.loras else self.own.plans

    @property
    def adaptations(self) -> tuple[Adaptation, ...]:
        """The changes that a file made."""
        return (*self.own.adaptations, *self._adaptations())

    @property
    def digest(self) -> str:
        """The hash of the pipeline's own and of the changes."""
        return hashlib.sha256(repr((self.own.digest, self.adaptations, self.clip_skip)).encode()).hexdigest()

    def load_unet(self) -> UNet2DConditionModel:
        """The pipeline's, with what LoRA files add."""
        unet = self.own.load_unet()
        for lora in self.loras:
            lora.fuse("unet", unet)
        return unet

    def load_vae(self) -> Autoencoder:
        """The autoencoder that is exported."""
        return self.own.load_vae() if self.vae is None else self.vae.load()

    def load_text_encoder(self, part: str = "text_encoder") -> TextEncoder:
        """The pipeline's, with what LoRA files add and with the vectors of words."""
        encoder = self.own.load_text_encoder(part)
        for lora in self.loras:
            lora.fuse(part, encoder)
        first = len(self.own.load_tokenizer(tokenizer_of(part)))
        for embedding in self.embeddings:
            embedding.extend_encoder(part, encoder, first=first)
            first += len(embedding.words.get(part, ()))
        return encoder

    def load_tokenizer(self, part: str = "tokenizer") -> CLIPTokenizer:
        """The pipeline's, with the words that were added."""
        tokenizer = self.own.load_tokenizer(part)
        for embedding in self.embeddings:
            embedding.extend_tokenizer(encoder_of(part), tokenizer)
        return tokenizer

    def _adaptations(self) -> Iterator[Adaptation]:
        for lora in self.loras:
            sha256 = describe_file(lora.file.path).sha256
            yield Adaptation(kind="lora", name=lora.file.name, sha256=sha256, scale=lora.scale)
        for embedding in self.embeddings:
            words = tuple(dict.fromkeys(word for words in embedding.words.values() for word in words))
            sha256 = describe_file(embedding.file.path).sha256
            yield Adaptation(kind="embedding", name=embedding.file.name, sha256=sha256, words=words)
        if self.vae is not None:
            yield Adaptation(kind="vae", name=self.vae.name, sha256=self.vae.digest)


def adapt(own: Source, changes: Changes, *, variant: str | None = None) -> Source:
    """A pipeline with changes, all of them compared with its configs; no weights are read yet.

    Args:
        own: The pipeline.
        changes: What to change.
        variant: The weights variant to prefer in a folder of an autoencoder.

    Raises:
        SourceError: A file cannot be read, or is for another model.
        InputError: The pipeline takes no text, or more text layers are skipped than there are.
    """
    if changes == Changes():
        return own
    if not takes_text(own.model_index):
        raise InputError(
            "--lora, --embedding, --vae and --clip-skip are for pipelines that take text, "
            f"got {own.model_index['_class_name']}: leave them out"
        )
    parts = text_encoders(own.model_index)
    _check_skip(changes.clip_skip, [own.text_config(part)["num_hidden_layers"] for part in parts])
    models = _skeletons(own, parts) if changes.loras else {}
    widths = {part: own.text_config(part)["hidden_size"] for part in parts}
    adapted = AdaptedSource(
        own=own,
        loras=tuple(open_lora(lora, models) for lora in changes.loras),
        embeddings=tuple(open_embedding(embedding, widths) for embedding in changes.embeddings),
        vae=None if changes.vae is None else open_vae(changes.vae, own.vae_config, variant=variant),
        clip_skip=changes.clip_skip,
    )
    for part in parts if adapted.embeddings else ():
        adapted.load_tokenizer(tokenizer_of(part))
    return adapted


def _skeletons(own: Source, parts: Sequence[str]) -> dict[str, Any]:
    """The models that a LoRA can be for, without weights."""
    classes = {part: TEXT_CLASSES[own.model_index[part][1]] for part in parts}
    texts = {part: empty_model(model, CLIPTextConfig(**own.text_config(part))) for part, model in classes.items()}
    return {"unet": unet_skeleton(own.unet_config), **texts}


def _check_skip(clip_skip: int, layers: Sequence[int]) -> None:
    # SDXL starts from the state before the last layer.
    most = min(layers, default=1) - 1
    if not 0 <= clip_skip <= most:
        raise InputError(f"clip skip: expected 0 to {most}, the layers of the text encoder less one, got {clip_skip}")
