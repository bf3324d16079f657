"""Copy results of training into the packages."""

import shutil
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel

from accel_exporter.layout import write_component_config
from accel_exporter.sources.common import read_object
from accel_training.captions import COLOUR_NAMES, full_caption, held_out
from accel_training.pictures import Picture

_VARIANT: Final = "fp16"
_PARTS: Final = {"unet": UNet2DConditionModel, "vae": AutoencoderKL, "text_encoder": CLIPTextModel}


def ship_pipeline(folder: Path, target: Path) -> None:
    """Write the trained parts in half precision beside the configs that ``target`` already has.

    Args:
        folder: Training folder with ``unet``, ``vae``, ``text_encoder`` and ``tokenizer``.
        target: Diffusers folder with ``model_index.json`` and the scheduler.
    """
    for part, model_class in _PARTS.items():
        model: Any = model_class.from_pretrained(folder / part)
        model.half().save_pretrained(target / part, variant=_VARIANT)
        # The config would name the folder that it was loaded from.
        write_component_config(target, part, config=read_object(target / part, "config.json"))
    shutil.copytree(folder / "tokenizer", target / "tokenizer", dirs_exist_ok=True)


def ship_captions(pictures: tuple[Picture, ...], file: Path, *, seed: int, labels: Container[str]) -> None:
    """Write each object's full caption on its held-out colour, and on one colour that was trained on.

    Args:
        pictures: All objects. The index of an object decides on its held-out colour.
        file: File to write.
        seed: Seed of the held-out colours.
        labels: Labels of the objects.
    """
    colours = held_out(len(pictures), seed=seed)
    chosen = [(picture.label, int(c)) for picture, c in zip(pictures, colours, strict=True) if picture.label in labels]
    write_captions(file, [entry for label, colour in chosen for entry in _entries(label, colour)])


def write_captions(file: Path, entries: Sequence[Mapping[str, object]]) -> None:
    """Write captions as `accel_bench.quality.captions` reads them, one a line."""
    lines = ",\n".join(msgspec.json.encode(entry).decode() for entry in entries)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"[\n{lines}\n]\n", "utf-8")


def _entries(label: str, held_out_colour: int) -> Iterable[dict[str, object]]:
    trained = (held_out_colour + 1 + len(label)) % len(COLOUR_NAMES)
    if trained == held_out_colour:
        trained = (trained + 1) % len(COLOUR_NAMES)
    for index in (held_out_colour, trained):
        colour = COLOUR_NAMES[index]
        yield {
            "caption": full_caption(label, colour),
            "label": label,
            "colour": colour,
            "held_out": index == held_out_colour,
        }
