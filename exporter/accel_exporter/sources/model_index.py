"""``model_index.json``: which pipeline a folder holds, and whether it is one we can export."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from accel_exporter.sources.common import read_object
from accel_runtime.errors import SourceError

MODEL_INDEX: Final = "model_index.json"

# Pipelines that run this very set of parts. LatentConsistencyModelPipeline is left out: its UNet
# takes the guidance scale as one more input. So is inpainting: its UNet takes nine channels.
_PIPELINES: Final = ("StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline")

# The classes a part may be saved as; None where every class of the library will do.
_PARTS: Final[Mapping[str, tuple[str, ...] | None]] = {
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "text_encoder": ("CLIPTextModel",),
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
    "scheduler": None,
}


def read_model_index(folder: Path) -> dict[str, Any]:
    """Return ``folder/model_index.json`` once it names a pipeline and parts we can export.

    Optional parts (safety checker, feature extractor, image encoder) are not looked at.

    Raises:
        SourceError: Another pipeline, a part that is missing, or a part of another class.
    """
    index = read_object(folder, MODEL_INDEX)
    pipeline = index.get("_class_name")
    if pipeline not in _PIPELINES:
        raise SourceError(
            f"{MODEL_INDEX}: pipeline {pipeline!r} is not supported yet, expected {' or '.join(_PIPELINES)}"
        )
    for part, classes in _PARTS.items():
        _check_part(part, index.get(part), classes=classes)
    library = index["scheduler"][0]
    if library != "diffusers":
        raise SourceError(f"{MODEL_INDEX}: 'scheduler' is of {library!r}, but only classes of diffusers are run")
    return index


def _check_part(part: str, entry: object, *, classes: tuple[str, ...] | None) -> None:
    """Check one ``"part": [library, class]`` entry."""
    if entry is None or entry == [None, None]:
        raise SourceError(f"{MODEL_INDEX}: component '{part}' is missing, but the pipeline cannot run without it")
    if not (isinstance(entry, list) and len(entry) == 2 and all(isinstance(item, str) for item in entry)):
        raise SourceError(f"{MODEL_INDEX}: '{part}' must be [library, class], got {entry!r}")
    if classes is not None and entry[1] not in classes:
        raise SourceError(
            f"{MODEL_INDEX}: '{part}' is a {entry[1]}, not supported yet, expected {' or '.join(classes)}"
        )
