"""Write a pipeline as a plain diffusers folder, for software that reads nothing else."""

from pathlib import Path
from typing import Any, Final

from safetensors.torch import save_file

from accel_exporter import names
from accel_exporter.layout import write_model_index, write_older_tokenizer, write_scheduler
from accel_exporter.libraries import quiet
from accel_exporter.sources.model_index import text_encoders, tokenizer_of
from accel_exporter.sources.source import Source, TextEncoder

# The names of tensors in every release of transformers before 5, which 5 still reads.
_PREFIX: Final = "text_model."
_PREFIXES: Final = (_PREFIX, "text_projection.")


def save_pipeline(source: Source, folder: Path) -> None:
    """Write ``source`` in float32 as diffusers saves it. Bundles of both have the same weights.

    Args:
        source: Source that `accel_exporter.export_bundle` would export.
        folder: Existing, empty folder.
    """
    write_model_index(folder, source.model_index)
    write_scheduler(folder, source.scheduler_config)
    encoders = text_encoders(source.model_index)
    for tokenizer in map(tokenizer_of, encoders):
        source.load_tokenizer(tokenizer).save_pretrained(str(folder / tokenizer))
        write_older_tokenizer(folder / tokenizer)
    with quiet():
        _save(source.load_unet(), folder / "unet")
        _save(source.load_vae(), folder / "vae")
        for encoder in encoders:
            _save_text_encoder(source.load_text_encoder(encoder), folder / encoder)
        for number, part in enumerate(source.controlnets):
            _save(part.load(), folder / names.controlnet(number))


def _save(model: Any, folder: Path) -> None:  # diffusers has no types
    model.save_pretrained(folder, safe_serialization=True)


def _save_text_encoder(model: TextEncoder, folder: Path) -> None:
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    tensors = {
        name if name.startswith(_PREFIXES) else _PREFIX + name: tensor.contiguous()
        for name, tensor in model.state_dict().items()
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
