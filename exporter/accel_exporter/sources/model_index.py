"""``model_index.json``: which pipeline a folder holds, and whether it is one we can export."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from accel_exporter.sources.common import read_object
from accel_runtime.errors import SourceError

MODEL_INDEX: Final = "model_index.json"

# The classes a part may be saved as; None where every class of the library will do.
Parts = Mapping[str, tuple[str, ...] | None]

_TOKENIZERS: Final = ("CLIPTokenizer", "CLIPTokenizerFast")
_SHARED: Final[Parts] = {
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL", "AutoencoderTiny"),
    "scheduler": None,
}
_WITHOUT_TEXT: Final[Parts] = {"unet": ("UNet2DModel",), "scheduler": None}
_CONTROLNETS: Final = ("ControlNetModel", "MultiControlNetModel")
_FIRST_TEXT: Final[Parts] = {"text_encoder": ("CLIPTextModel",), "tokenizer": _TOKENIZERS}
_SECOND_TEXT: Final[Parts] = {"text_encoder_2": ("CLIPTextModelWithProjection",), "tokenizer_2": _TOKENIZERS}

# Pipelines that run these very parts.
_PIPELINES: Final[Mapping[str, Parts]] = {
    "StableDiffusionPipeline": {**_SHARED, **_FIRST_TEXT},
    "StableDiffusionImg2ImgPipeline": {**_SHARED, **_FIRST_TEXT},
    "StableDiffusionInpaintPipeline": {**_SHARED, **_FIRST_TEXT},
    "StableDiffusionControlNetPipeline": {**_SHARED, **_FIRST_TEXT, "controlnet": _CONTROLNETS},
    "LatentConsistencyModelPipeline": {**_SHARED, **_FIRST_TEXT},
    "StableDiffusionXLPipeline": {**_SHARED, **_SECOND_TEXT},
    "StableDiffusionXLImg2ImgPipeline": {**_SHARED, **_SECOND_TEXT},
    "StableDiffusionXLInpaintPipeline": {**_SHARED, **_SECOND_TEXT},
    "StableDiffusionXLControlNetPipeline": {**_SHARED, **_SECOND_TEXT, "controlnet": _CONTROLNETS},
    "DDPMPipeline": _WITHOUT_TEXT,
    # It makes a DDIM of whatever scheduler it is given, and saves that.
    "DDIMPipeline": {**_WITHOUT_TEXT, "scheduler": ("DDIMScheduler",)},
    "LDMPipeline": {**_WITHOUT_TEXT, "vqvae": ("VQModel",)},
}
# Parts that these pipelines can do without. The refiner has no first text encoder.
_OPTIONAL: Final[Mapping[str, Parts]] = {
    "StableDiffusionXLPipeline": _FIRST_TEXT,
    "StableDiffusionXLImg2ImgPipeline": _FIRST_TEXT,
    "StableDiffusionXLInpaintPipeline": _FIRST_TEXT,
    "StableDiffusionXLControlNetPipeline": _FIRST_TEXT,
}
# The model that denoises, in pipelines that have another one than a UNet.
_OTHER_DENOISERS: Final = ("transformer", "prior", "decoder")


def read_model_index(folder: Path) -> dict[str, Any]:
    """Return ``folder/model_index.json`` once it names a pipeline and parts we can export.

    Optional parts (safety checker, feature extractor, image encoder) are not looked at.

    Raises:
        SourceError: Another pipeline, a part that is missing, or a part of another class.
    """
    index = read_object(folder, MODEL_INDEX)
    pipeline = index.get("_class_name")
    if not isinstance(pipeline, str) or pipeline not in _PIPELINES:
        _refuse(pipeline, index)
    for part, classes in _PIPELINES[pipeline].items():
        _check_part(part, index.get(part), classes=classes)
    optional = _OPTIONAL.get(pipeline, {})
    # An encoder without its tokenizer is of no use, nor the other way round.
    if any(_is_there(index.get(part)) for part in optional):
        for part, classes in optional.items():
            _check_part(part, index.get(part), classes=classes)
    library = index["scheduler"][0]
    if library != "diffusers":
        raise SourceError(f"{MODEL_INDEX}: 'scheduler' is of {library!r}, but only classes of diffusers are run")
    return index


def text_encoders(index: Mapping[str, Any]) -> tuple[str, ...]:
    """The text encoders of a pipeline, in the order in which their outputs are joined.

    Args:
        index: The pipeline's ``model_index.json``, checked.
    """
    return tuple(part for part in ("text_encoder", "text_encoder_2") if _is_there(index.get(part)))


def models_of_diffusers(index: Mapping[str, Any]) -> tuple[str, ...]:
    """The parts that are models of diffusers: the UNet, and the autoencoder where there is one.

    Args:
        index: As above.
    """
    return tuple(part for part in ("unet", "vae", "vqvae") if part in _PIPELINES[index["_class_name"]])


def takes_text(index: Mapping[str, Any]) -> bool:
    """Whether the UNet of a pipeline is given text."""
    return bool(index["unet"][1] == "UNet2DConditionModel")


def tokenizer_of(encoder: str) -> str:
    """The part that is the tokenizer of a text encoder."""
    return encoder.replace("text_encoder", "tokenizer")


def encoder_of(tokenizer: str) -> str:
    """The part that is the text encoder of a tokenizer."""
    return tokenizer.replace("tokenizer", "text_encoder")


def _refuse(pipeline: object, index: Mapping[str, Any]) -> NoReturn:
    expected = f"expected {' or '.join(_PIPELINES)}"
    others = [part for part in _OTHER_DENOISERS if _is_there(index.get(part))]
    if others and not _is_there(index.get("unet")):
        raise SourceError(
            f"{MODEL_INDEX}: pipeline {pipeline!r} denoises with a {others[0]} and has no UNet to cut: {expected}"
        )
    raise SourceError(f"{MODEL_INDEX}: pipeline {pipeline!r} is not supported yet, {expected}")


def _is_there(entry: object) -> bool:
    return entry is not None and entry != [None, None]


def _check_part(part: str, entry: object, *, classes: tuple[str, ...] | None) -> None:
    """Check one ``"part": [library, class]`` entry."""
    if not _is_there(entry):
        raise SourceError(f"{MODEL_INDEX}: component '{part}' is missing, but the pipeline cannot run without it")
    if not (isinstance(entry, list) and len(entry) == 2 and all(isinstance(item, str) for item in entry)):
        raise SourceError(f"{MODEL_INDEX}: '{part}' must be [library, class], got {entry!r}")
    if classes is not None and entry[1] not in classes:
        raise SourceError(
            f"{MODEL_INDEX}: '{part}' is a {entry[1]}, not supported yet, expected {' or '.join(classes)}"
        )
