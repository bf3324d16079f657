"""One part of a pipeline folder, read by diffusers or transformers, with every failure made ours."""

import pickle
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel, UNet2DConditionModel, UNet2DModel, VQModel
from safetensors import SafetensorError, safe_open
from transformers import CLIPTokenizer

from accel_exporter.libraries import one_line, quiet
from accel_exporter.sources.common import read_object
from accel_exporter.sources.configs import autoencoder_class
from accel_exporter.sources.selection import WeightFiles, inside
from accel_exporter.sources.source import Autoencoder, TextEncoder
from accel_runtime.errors import SourceError


def load_unet(folder: Path, weights: WeightFiles) -> UNet2DConditionModel:
    """Return the UNet of the pipeline in ``folder``, in float32 and evaluation mode.

    Raises:
        SourceError: Config or weights cannot be read, or do not belong together.
    """
    unet: UNet2DConditionModel = _load_model(UNet2DConditionModel, folder, part="unet", weights=weights)
    return unet


def load_vae(folder: Path, weights: WeightFiles, *, part: str = "vae") -> Autoencoder:
    """Return the autoencoder of the pipeline in ``folder``; see `load_unet`."""
    vae: Autoencoder = _load_model(autoencoder_class(folder, part), folder, part=part, weights=weights)
    return vae


def load_controlnet(folder: Path, weights: WeightFiles, *, part: str) -> ControlNetModel:
    """Return the ControlNet in ``folder/part``; see `load_unet`."""
    net: ControlNetModel = _load_model(ControlNetModel, folder, part=part, weights=weights)
    return net


def load_unet_2d(folder: Path, weights: WeightFiles, *, part: str = "unet") -> UNet2DModel:
    """Return the UNet of the pipeline in ``folder``, which takes no text; see `load_unet`."""
    unet: UNet2DModel = _load_model(UNet2DModel, folder, part=part, weights=weights)
    return unet


def load_vqvae(folder: Path, weights: WeightFiles) -> VQModel:
    """Return the autoencoder with a codebook of the pipeline in ``folder``; see `load_unet`."""
    vqvae: VQModel = _load_model(VQModel, folder, part="vqvae", weights=weights)
    return vqvae


def load_text_encoder(folder: Path, weights: WeightFiles, *, part: str, model: type[TextEncoder]) -> TextEncoder:
    """Return a text encoder of the pipeline in ``folder``, of the class ``model``; see `load_unet`."""
    encoder: TextEncoder = _load_model(model, folder, part=part, weights=weights)
    return encoder


def load_tokenizer(folder: Path, part: str) -> CLIPTokenizer:
    """Return a tokenizer of the pipeline in ``folder``.

    Raises:
        SourceError: Its files cannot be read.
    """
    for name in sorted(path.name for path in (folder / part).glob("*.json")):
        read_object(folder, f"{part}/{name}")
    with reading(part):
        tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder / part, local_files_only=True)
    return tokenizer


# The two libraries share the class method but no base class that declares it.
def _load_model(model_class: Any, folder: Path, *, part: str, weights: WeightFiles) -> Any:
    read_object(folder, inside(part, "config.json"))
    _check_weights(folder, weights)
    with reading(weights.files[0]):
        model, report = model_class.from_pretrained(
            folder / part,
            variant=weights.variant,
            use_safetensors=weights.safetensors,
            dtype=torch.float32,
            low_cpu_mem_usage=True,
            local_files_only=True,
            output_loading_info=True,
        )
    _check_complete(report["missing_keys"], file=weights.files[0])
    return model.eval()


def _check_complete(missing: Collection[str], *, file: str) -> None:
    """Refuse weights with holes: the libraries would fill them with random numbers."""
    if missing:
        raise SourceError(
            f"{file}: {len(missing)} tensors that the config asks for are missing, such as '{min(missing)}'"
        )


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn whatever a library raises over a broken file or folder into one line about ``what``.

    Raises:
        SourceError: In place of what was raised.
    """
    try:
        with quiet():
            yield
    except SourceError:
        raise
    except Exception as error:
        raise SourceError(f"{what} cannot be loaded: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """Return the error that started the chain, in one line."""
    causes = [error]
    while (earlier := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(earlier)
    if any(isinstance(cause, pickle.UnpicklingError) for cause in causes):
        return "it is not a pickle of tensors alone, and anything else in a pickle is refused: use safetensors"
    return one_line(causes[-1])


def _check_weights(folder: Path, weights: WeightFiles) -> None:
    """Raise `SourceError` unless every file is whole and the shard index stays among its shards."""
    if weights.files[0].endswith(".json"):
        _check_shard_index(folder, weights)
    if weights.safetensors:
        for name in weights.files:
            if name.endswith(".safetensors"):
                check_safetensors(folder / name, name=name)


def check_safetensors(path: Path, *, name: str) -> None:
    """Raise `SourceError` unless the file, called ``name`` in the message, is as long as its header says."""
    # Opening reads the header alone, and compares it with the length of the file.
    try:
        with safe_open(path, framework="pt"):
            pass
    except (SafetensorError, OSError) as error:
        raise SourceError(f"{name} is not a whole safetensors file ({error}): download or save it again") from error


def _check_shard_index(folder: Path, weights: WeightFiles) -> None:
    index, *shards = weights.files
    table = read_object(folder, index).get("weight_map")
    if not isinstance(table, dict) or not table:
        raise SourceError(f"{index}: expected an object 'weight_map' from tensor to shard")
    known = {Path(shard).name for shard in shards}
    # Also the guard against an index that points outside the folder.
    strange = [value for value in table.values() if value not in known]
    if strange:
        raise SourceError(f"{index}: names the shard {strange[0]!r}, expected one of {', '.join(sorted(known))}")
