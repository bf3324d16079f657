"""The captioned pictures that the built-in model learns: Fluent Emoji 3D joined with emojibase's labels."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from accel_training.registry import PACKAGES, DataError, fetch

# Concrete things, most of them one object in clear view. People, flags, symbols and buttons stay out: with
# seven million parameters, fewer classes that look right beat more that do not.
SUBGROUPS: Final = (
    "face-smiling",
    "face-costume",
    "animal-mammal",
    "animal-bird",
    "animal-amphibian",
    "animal-reptile",
    "animal-marine",
    "animal-bug",
    "plant-flower",
    "plant-other",
    "food-fruit",
    "food-vegetable",
    "food-prepared",
    "food-asian",
    "food-sweet",
    "drink",
    "transport-air",
    "musical-instrument",
)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One cut-out object.

    Attributes:
        label: Its name, such as ``red apple``.
        tags: Other words for it.
        subgroup: Unicode's subgroup, such as ``food-fruit``.
        rgba: Its pixels, alpha not premultiplied, uint8. Shape: [256, 256, 4].
    """

    label: str
    tags: tuple[str, ...]
    subgroup: str
    rgba: NDArray[np.uint8]


def load_pictures(folder: Path) -> tuple[Picture, ...]:
    """Return the pictures of `SUBGROUPS` in Unicode's order, downloading the packages to ``folder`` if needed.

    Raises:
        DataError: The packages cannot be had, or their layout is not the expected one.
    """
    assets = fetch(PACKAGES["pictures"], folder) / "assets"
    captions = fetch(PACKAGES["captions"], folder) / "en"
    try:
        return tuple(_read(assets, captions))
    except (KeyError, OSError, ValueError) as error:
        raise DataError(f"the data packages are not laid out as expected: {error}") from error


def _read(assets: Path, captions: Path) -> Iterator[Picture]:
    names = _subgroup_names(captions / "messages.json")
    for entry in json.loads((captions / "data.json").read_text("utf-8")):
        subgroup = names.get(entry.get("subgroup"))
        file = _asset(assets, entry["hexcode"].lower())
        if subgroup in SUBGROUPS and file is not None:
            rgba = np.asarray(Image.open(file).convert("RGBA"))
            yield Picture(entry["label"].lower(), _tags(entry), subgroup, rgba)


def _subgroup_names(messages: Path) -> Mapping[int, str]:
    return {each["order"]: each["key"] for each in json.loads(messages.read_text("utf-8"))["subgroups"]}


def _tags(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the one-word tags that the label does not contain."""
    return tuple(tag for tag in entry.get("tags", ()) if " " not in tag and tag not in entry["label"].lower())


def _asset(assets: Path, code: str) -> Path | None:
    """Return the picture of a code point sequence; packages differ in where they keep U+FE0F."""
    names = (code, code.replace("-fe0f", ""), f"{code}-fe0f")
    return next((file for name in names if (file := assets / f"{name}.webp").exists()), None)
