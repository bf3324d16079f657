"""A pipeline of a known architecture with random weights: timing does not depend on weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel, UNet2DModel, VQModel
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTextConfig, CLIPTokenizer

from accel_exporter.libraries import quiet
from accel_exporter.sources.common import content_digest, is_description, read_object, whole_files
from accel_exporter.sources.configs import read_controlnet_config
from accel_exporter.sources.controlnets import own_controlnets
from accel_exporter.sources.local import DescribedFolder, read_scheduler_config
from accel_exporter.sources.model_index import encoder_of, read_model_index
from accel_exporter.sources.shipped import ARCHITECTURES
from accel_exporter.sources.source import TEXT_CLASSES, ControlNetPart, Origin, TextEncoder
from accel_runtime.errors import SourceError

START: Final = "<|startoftext|>"
END: Final = "<|endoftext|>"
_OPEN_CLIP_PAD: Final = "!"


@dataclass(frozen=True, slots=True)
class RandomSource(DescribedFolder):
    """The configs of a pipeline, to be filled with seeded random weights; implements `Source`."""

    seed: int

    @property
    def digest(self) -> str:
        """The hash of the configs and the seed."""
        return content_digest(self.folder, filter(is_description, whole_files(self.folder)), seed=self.seed)

    @property
    def controlnets(self) -> tuple[ControlNetPart, ...]:
        """Those of the architecture; their outputs are zeros until they are trained."""
        return tuple(RandomControlNet(each, self.seed) for each in own_controlnets(self.folder, self.model_index))

    def load_unet(self) -> UNet2DConditionModel:
        """Build the UNet; the same seed gives the same weights, bit for bit."""
        config = self._config("unet")
        unet: UNet2DConditionModel = seeded(UNet2DConditionModel.from_config, config, seed=self.seed)
        return unet

    def load_unet_2d(self) -> UNet2DModel:
        """Build the UNet that takes no text; the same seed gives the same weights, bit for bit."""
        unet: UNet2DModel = seeded(UNet2DModel.from_config, self._config("unet"), seed=self.seed)
        return unet

    def load_vqvae(self) -> VQModel:
        """Build the autoencoder with a codebook; the same seed gives the same weights, bit for bit."""
        vqvae: VQModel = seeded(VQModel.from_config, self._config("vqvae"), seed=self.seed)
        return vqvae

    def load_vae(self) -> AutoencoderKL:
        """Build the autoencoder; the same seed gives the same weights, bit for bit."""
        config = self._config("vae")
        vae: AutoencoderKL = seeded(AutoencoderKL.from_config, config, seed=self.seed)
        return vae

    def load_text_encoder(self, part: str = "text_encoder") -> TextEncoder:
        """Build a text encoder; the same seed gives the same weights, bit for bit."""
        config = CLIPTextConfig.from_dict(self._config(part))
        encoder: TextEncoder = seeded(TEXT_CLASSES[self.model_index[part][1]], config, seed=self.seed)
        return encoder

    def load_tokenizer(self, part: str = "tokenizer") -> CLIPTokenizer:
        """Build the byte tokenizer that fits the text encoder of the same number."""
        config = self._config(encoder_of(part))
        return byte_tokenizer(config["vocab_size"], config["max_position_embeddings"], pad_token=pad_token(config))

    def _config(self, part: str) -> dict[str, Any]:
        return read_object(self.folder, f"{part}/config.json")


@dataclass(frozen=True, slots=True)
class RandomControlNet:
    """The config of a ControlNet, to be filled with seeded random weights; implements `ControlNetPart`."""

    folder: Path
    seed: int

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.name

    @property
    def config(self) -> Mapping[str, Any]:
        """Defaults filled in."""
        return read_controlnet_config(self.folder.parent, self.name)

    @property
    def digest(self) -> str:
        """The hash of the config and the seed."""
        return content_digest(self.folder, ["config.json"], seed=self.seed)

    def load(self) -> ControlNetModel:
        """Build it; the same seed gives the same weights, bit for bit."""
        config = read_object(self.folder.parent, f"{self.name}/config.json")
        net: ControlNetModel = seeded(ControlNetModel.from_config, config, seed=self.seed)
        return net


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
def seeded(build: Callable[[Any], Any], config: object, *, seed: int) -> Any:
    """Build a module with the library's own initialisation, under which activations stay of order one.

    The caller's random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]), quiet():
        torch.default_generator.manual_seed(seed)
        return build(config).eval()


def pad_token(text_config: Mapping[str, Any]) -> str:
    """The token that fills up short prompts of a text encoder: OpenCLIP's models were trained with another than CLIP's.

    Their configs' numbers of special tokens are no ids of CLIP's.
    """
    return _OPEN_CLIP_PAD if text_config["hidden_act"] == "gelu" else END


def byte_symbols() -> tuple[str, ...]:
    """The first tokens of CLIP's vocabulary: every byte, and every byte at the end of a word."""
    symbols = sorted(ByteLevel.alphabet())
    return (*symbols, *(f"{symbol}</w>" for symbol in symbols))


def byte_tokenizer(vocab_size: int, max_length: int, *, pad_token: str = END) -> CLIPTokenizer:
    """Return a `CLIPTokenizer` without merges whose ids all lie below ``vocab_size``.

    The layout is CLIP's own: 256 bytes, the same 256 at the end of a word, and the start and
    end tokens as the last two ids. What CLIP fills with merges is filled with tokens that no
    text can produce.

    Args:
        vocab_size: How many ids there are.
        max_length: Ids of a prompt.
        pad_token: The token that fills up short prompts; OpenCLIP's models have ``!``.

    Raises:
        SourceError: ``vocab_size`` has no room for the bytes.
    """
    tokens = list(byte_symbols())
    unused = vocab_size - len(tokens) - 2
    if unused < 0:
        raise SourceError(f"text_encoder: vocab_size must be at least {len(tokens) + 2}, got {vocab_size}")
    tokens += [f"<|unused{i}|>" for i in range(unused)]
    vocab = {token: i for i, token in enumerate([*tokens, START, END])}
    return CLIPTokenizer(vocab=vocab, merges=[], model_max_length=max_length, pad_token=pad_token)
