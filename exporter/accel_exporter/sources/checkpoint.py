"""A checkpoint: one file with a whole pipeline in the original layout, as most people have them.

It says nothing of how it is to be run. That comes from a folder of configs: one of the package's own architectures,
which the shapes of the tensors choose as in diffusers, or one that the user names.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import infer_diffusers_model_type
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTokenizer

from accel_exporter.libraries import quiet
from accel_exporter.sources import load
from accel_exporter.sources.clip_vocabulary import CLIP_TOKENS, clip_tokenizer
from accel_exporter.sources.common import content_digest, is_description, whole_files
from accel_exporter.sources.local import DescribedFolder, read_scheduler_config
from accel_exporter.sources.model_index import encoder_of, read_model_index, takes_text, text_encoders
from accel_exporter.sources.original_layout import (
    UNET_INPUT,
    converted,
    empty_model,
    expected_names,
    fill,
    names_of,
)
from accel_exporter.sources.random_weights import pad_token
from accel_exporter.sources.shipped import ARCHITECTURES
from accel_exporter.sources.source import TEXT_CLASSES, ControlNetPart, Origin, TextEncoder
from accel_exporter.sources.tensor_file import TensorFile, open_tensors
from accel_runtime.bundle.bundle import describe_file
from accel_runtime.errors import SourceError

# The shipped configs, by what diffusers calls the kinds of checkpoints.
_KINDS: Final[Mapping[str, str]] = {
    "v1": "sd15",
    "inpainting": "sd15-inpaint",
    "v2": "sd21",
    "xl_base": "sdxl",
    "xl_refiner": "sdxl-refiner",
}
_PREDICTS_VELOCITY: Final = "v_pred"
_WITHOUT_TEXT: Final = "a checkpoint in one file holds a pipeline that takes text: expected --config of such a one"


@dataclass(frozen=True, slots=True)
class CheckpointSource(DescribedFolder):
    """A checkpoint with the configs of ``folder``; implements `Source`."""

    file: TensorFile

    @property
    def digest(self) -> str:
        """The hash of the file and of the configs."""
        configs = content_digest(self.folder, filter(is_description, whole_files(self.folder)), seed=None)
        return hashlib.sha256(f"{describe_file(self.file.path).sha256} {configs}".encode()).hexdigest()

    @property
    def controlnets(self) -> tuple[ControlNetPart, ...]:
        """None: they have files of their own."""
        return ()

    def load_unet(self) -> UNet2DConditionModel:
        """Read the UNet's tensors, and no others."""
        unet: UNet2DConditionModel = self._load("unet")
        return unet

    def load_unet_2d(self) -> NoReturn:
        """Refuse: there is no layout of one file for pipelines without text."""
        raise SourceError(_WITHOUT_TEXT)

    def load_vqvae(self) -> NoReturn:
        """Refuse, as above."""
        raise SourceError(_WITHOUT_TEXT)

    def load_vae(self) -> AutoencoderKL:
        """Read the autoencoder's tensors, and no others."""
        vae: AutoencoderKL = self._load("vae")
        return vae

    def load_text_encoder(self, part: str = "text_encoder") -> TextEncoder:
        """Read a text encoder's tensors, and no others."""
        encoder: TextEncoder = self._load(part)
        return encoder

    def load_tokenizer(self, part: str = "tokenizer") -> CLIPTokenizer:
        """Read the tokenizer of the configs' folder, or take CLIP's own where it has none."""
        if (self.folder / part).is_dir():
            return load.load_tokenizer(self.folder, part)
        config = self.text_config(encoder_of(part))
        if config["vocab_size"] != CLIP_TOKENS:
            raise SourceError(
                f"{part}: a text encoder of {config['vocab_size']} tokens is not CLIP's, so its tokenizer must be "
                f"given: put a folder '{part}' beside the configs of --config"
            )
        return clip_tokenizer(config["max_position_embeddings"], pad_token=pad_token(config))

    def check(self, part: str, shapes: Mapping[str, Tensor]) -> None:
        """Check that the file has all tensors of a part, in the shapes that the configs say.

        Raises:
            SourceError: It has not.
        """
        names = names_of(part, shapes)
        if not names:
            hint = ": add --vae with a folder or a file of one" if part == "vae" else ""
            raise SourceError(
                f"{self.file.name} has no {part}: expected tensors named {expected_names(part)}, of a whole model{hint}"
            )
        tensors = {name: shapes[name] for name in names}
        converted(part, tensors, model=self._empty(part), file=self.file.name)

    def _load(self, part: str) -> Any:
        model = self._empty(part)
        tensors = self.file.read(names_of(part, self.file.shapes()))
        return fill(model, converted(part, tensors, model=model, file=self.file.name))

    def _empty(self, part: str) -> Any:
        if part == "unet":
            return empty_model(UNet2DConditionModel, self.unet_config)
        if part == "vae":
            return empty_model(AutoencoderKL, self.vae_config)
        with quiet():
            config = CLIPTextConfig.from_pretrained(self.folder / part)
        return empty_model(TEXT_CLASSES[self.model_index[part][1]], config)


def open_checkpoint(path: Path, *, config: Path | None, has_own_vae: bool = True) -> CheckpointSource:
    """The pipeline in a checkpoint; shapes of tensors are read and compared, and no weights yet.

    Args:
        path: The file.
        config: A diffusers folder of the same architecture, of which configs and tokenizers are read; None for the
            package's own.
        has_own_vae: False if the file's autoencoder is not used, and need not be there.

    Raises:
        SourceError: The file is no checkpoint, or of another model than the configs describe.
    """
    file = open_tensors(path, what="a checkpoint")
    shapes = file.shapes()
    _check_kind(shapes, file.name)
    folder = ARCHITECTURES / _architecture(shapes, file.name) if config is None else config
    if not folder.is_dir():
        raise SourceError(f"--config '{folder}' is not a folder: expected a diffusers folder")
    index = read_model_index(folder)
    if not takes_text(index):
        raise SourceError(f"{_WITHOUT_TEXT}, got {index['_class_name']}")
    source = CheckpointSource(
        folder=folder,
        origin=Origin(path.name, revision=None, weights="trained", seed=None),
        model_index=index,
        scheduler_config=read_scheduler_config(folder, index),
        file=file,
    )
    parts = ("unet", *text_encoders(index), *(("vae",) if has_own_vae else ()))
    for part in parts:
        source.check(part, shapes)
    return source


def _check_kind(names: Collection[str], file: str) -> None:
    """Say what a file is that is no checkpoint with a UNet.

    Raises:
        SourceError: It is none.
    """
    if UNET_INPUT in names:
        return
    if any("lora" in name for name in names):
        raise SourceError(f"{file} is a LoRA, not a model: give it with --lora to the model that it is for")
    if any(name.startswith(("down_blocks.", "encoder.down_blocks.")) for name in names):
        raise SourceError(f"{file} is one part of a diffusers folder: name the folder that has model_index.json")
    raise SourceError(f"{file} has no UNet in the original layout ({UNET_INPUT}), which is what can be cut")


def _architecture(shapes: Mapping[str, Tensor], file: str) -> str:
    # It looks at shapes of tensors that may have none.
    with load.reading(file):
        kind = infer_diffusers_model_type(shapes)
    if kind not in _KINDS:
        raise SourceError(f"{file} is of the kind '{kind}', not supported yet: expected {', '.join(_KINDS)}")
    if _PREDICTS_VELOCITY in shapes:
        raise SourceError(
            f"{file} predicts velocity, and the kind '{kind}' is known to predict noise: name a folder with its "
            "configs with --config, whose scheduler says prediction_type v_prediction"
        )
    return _KINDS[kind]
