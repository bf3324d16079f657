"""The original layout of checkpoints, in which one file has all parts of a pipeline.

diffusers' own functions give the tensors diffusers' names. They move and cut tensors and never calculate, so they are
run on shapes alone to find out whether a file fits its configs, before a number of it is read.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

import torch
from accelerate import init_empty_weights
from diffusers.loaders.single_file_utils import (
    convert_ldm_clip_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from torch import Tensor

from accel_exporter.libraries import one_line, quiet
from accel_runtime.errors import SourceError

UNET_INPUT: Final = "model.diffusion_model.input_blocks.0.0.weight"
# By part of a pipeline, how the names of its tensors may begin.
_PREFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "unet": ("model.diffusion_model.",),
    "vae": ("first_stage_model.", "vae."),
    "text_encoder": (
        "cond_stage_model.transformer.",
        "cond_stage_model.model.",
        "conditioner.embedders.0.transformer.",
    ),
    "text_encoder_2": ("conditioner.embedders.1.model.", "conditioner.embedders.0.model."),
}
_OPEN_CLIP: Final = ".model."
_WRAPPER: Final = "text_model."


def names_of(part: str, names: Collection[str]) -> tuple[str, ...]:
    """Those of the names that are tensors of a part; none where the file lacks it."""
    for prefix in _PREFIXES[part]:
        if found := tuple(name for name in names if name.startswith(prefix)):
            return found
    return ()


def expected_names(part: str) -> str:
    """How the names of a part's tensors begin, for messages."""
    return " or ".join(f"{prefix}…" for prefix in _PREFIXES[part])


def empty_model(model: Any, config: Any) -> Any:
    """A model of diffusers or transformers whose parameters take no memory until `fill` brings them."""
    build = getattr(model, "from_config", model)
    with init_empty_weights(), quiet():
        return build(config)


def converted(part: str, tensors: Mapping[str, Tensor], *, model: Any, file: str) -> dict[str, Tensor]:
    """A part's tensors under the names that ``model`` gives them.

    Args:
        part: Part of the pipeline.
        tensors: Its tensors in the original layout; those on the meta device will do.
        model: The `empty_model` that they are for.
        file: The file's name, for messages.

    Raises:
        SourceError: They are no tensors of such a model: something is missing, beside the model, or of another shape.
    """
    try:
        with quiet():
            found = _convert(part, dict(tensors), model)
    # diffusers looks up what it expects to be there.
    except Exception as error:
        raise SourceError(f"{file}: its {part} is not in the original layout: {one_line(error)}") from error
    wanted = model.state_dict()
    if part.startswith("text_encoder"):
        # Checkpoints also have what the model computes itself, or has no use for.
        found = {name: tensor for name, tensor in found.items() if name in wanted}
    _check_tensors(found, wanted, whose=f"{file}: its {part}")
    return found


def _check_tensors(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], *, whose: str) -> None:
    """Raise `SourceError` unless ``found`` has what is wanted, in the same shapes, and nothing else."""
    hint = "if it is of another architecture, name a folder with its configs with --config"
    if missing := wanted.keys() - found.keys():
        raise SourceError(f"{whose} lacks {len(missing)} of {len(wanted)} tensors, such as '{min(missing)}': {hint}")
    if strange := found.keys() - wanted.keys():
        raise SourceError(f"{whose} has {len(strange)} tensors too many, such as '{min(strange)}': {hint}")
    for name, tensor in found.items():
        if tensor.shape != wanted[name].shape:
            expected, got = (list(each.shape) for each in (wanted[name], tensor))
            raise SourceError(f"{whose} has '{name}' of shape {got}, expected {expected}: {hint}")


def fill(model: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The `empty_model` with these tensors, in evaluation mode."""
    model.load_state_dict({name: tensor.to(torch.float32) for name, tensor in tensors.items()}, assign=True)
    return model.eval()


def _convert(part: str, tensors: dict[str, Tensor], model: Any) -> dict[str, Tensor]:
    if part.startswith("text_encoder"):
        return _convert_text(part, tensors, model)
    convert = convert_ldm_unet_checkpoint if part == "unet" else convert_ldm_vae_checkpoint
    found: dict[str, Tensor] = convert(tensors, model.config)
    return found


def _convert_text(part: str, tensors: dict[str, Tensor], model: Any) -> dict[str, Tensor]:
    prefix = next(prefix for prefix in _PREFIXES[part] if next(iter(tensors)).startswith(prefix))
    if prefix.endswith(_OPEN_CLIP):
        found = convert_open_clip_checkpoint(model, tensors, prefix=prefix)
    else:
        found = convert_ldm_clip_checkpoint(tensors)
    # Old files, and newer versions of transformers, leave the wrapper's name out.
    wrapper = _WRAPPER if hasattr(model, "text_model") else ""
    return {_wrapped(name, wrapper): tensor for name, tensor in found.items()}


def _wrapped(name: str, wrapper: str) -> str:
    return name if name.startswith("text_projection.") else wrapper + name.removeprefix(_WRAPPER)
