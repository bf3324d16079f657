"""Pictures and figures of the trained model of scenes, for its card."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from accel_bench.plans.prepare import Settings, split
from accel_bench.quality.captions import Yardstick, evaluation_captions
from accel_bench.quality.scenes.read import read_scene
from accel_bench.quality.scenes.scene import parse_caption
from accel_bench.quality.scenes.score import accuracy, check_facts
from accel_exporter import ExportOptions, export_bundle, open_source
from accel_runtime.durable import write_bytes
from accel_runtime.pipeline import open_bundle

GUIDANCE: Final = 4.0
_STEPS: Final = 50
_BATCH: Final = 8
_COLUMNS, _SAMPLES, _COMPARED = 8, 48, 10  # pictures in a row, in the grid, and beside their nearest
_SIDE: Final = 128  # pixels of a picture in a grid, twice the model's own
_LINE: Final = 12  # pixels of a line of text
_LETTERS, _LINES = 25, 5  # of a caption


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A held-out caption, and what the model draws for it.

    Attributes:
        picture: Shape: [64, 64, 3], uint8.
    """

    caption: str
    picture: NDArray[np.uint8]


def draw_captions(bundle: Path, *, seed: int) -> Iterator[Drawn]:
    """Export the shipped model into ``bundle`` and draw all held-out captions, in the order of `accel evaluate`."""
    for _ in export_bundle(open_source("scenes"), bundle, options=ExportOptions(), force=True):
        pass
    pipeline = open_bundle(bundle)
    captions = [each.caption for each in evaluation_captions(None, seed, of=Yardstick.SCENES)]
    settings = Settings(_STEPS, "ddim", guidance=GUIDANCE, batch=_BATCH, seed=seed)
    plan = pipeline.plan(_STEPS, scheduler="ddim", guidance=GUIDANCE)
    for request in split(captions, settings):
        images = pipeline.generate(request, plan).images
        yield from map(Drawn, request.prompts, images)


def write_samples(drawn: Sequence[Drawn], file: Path) -> None:
    """Write the first pictures with their captions, none left out."""
    _write_rows([_cell(each.picture, each.caption) for each in drawn[:_SAMPLES]], file, columns=_COLUMNS)


def write_nearest(drawn: Sequence[Drawn], images: NDArray[np.uint8], file: Path) -> None:
    """Write some pictures, and under each the picture of training that is nearest in pixels.

    Args:
        drawn: What the model drew.
        images: The pictures of training. Shape: [N, 64, 64, 3].
        file: The PNG.
    """
    ours = [each.picture for each in drawn[:_COMPARED]]
    theirs = [images[_nearest(each, images)] for each in ours]
    _write_rows([_enlarged(each) for each in (*ours, *theirs)], file, columns=_COMPARED)


def write_accuracy(drawn: Sequence[Drawn], file: Path) -> None:
    """Write the share of facts that are right, by attribute, as JSON."""
    facts = [check_facts(parse_caption(each.caption), read_scene(each.picture)) for each in drawn]
    write_bytes(file, msgspec.json.format(msgspec.json.encode(accuracy(facts))))


def _nearest(picture: NDArray[np.uint8], images: NDArray[np.uint8]) -> int:
    wanted = picture.astype(np.int32)
    return int(np.argmin([np.square(wanted - each).sum() for each in images]))


def _cell(picture: NDArray[np.uint8], caption: str) -> NDArray[np.uint8]:
    """A picture with its caption below. Shape: [128 + text, 128, 3]."""
    canvas = Image.new("RGB", (_SIDE, _SIDE + _LINES * _LINE + 4), "white")
    canvas.paste(Image.fromarray(_enlarged(picture)), (0, 0))
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=9)
    for line, words in enumerate(wrap(caption, _LETTERS)[:_LINES]):
        draw.text((_SIDE / 2, _SIDE + line * _LINE), words, fill="black", font=font, anchor="ma")
    return np.asarray(canvas)


def _enlarged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shape: [128, 128, 3], with a white edge."""
    canvas = Image.new("RGB", (_SIDE, _SIDE), "white")
    canvas.paste(Image.fromarray(picture).resize((_SIDE - 4, _SIDE - 4), Image.Resampling.LANCZOS), (2, 2))
    return np.asarray(canvas)


def _write_rows(cells: Sequence[NDArray[np.uint8]], file: Path, *, columns: int) -> None:
    rows = [np.concatenate(cells[at : at + columns], axis=1) for at in range(0, len(cells), columns)]
    Image.fromarray(np.concatenate(rows)).save(file, optimize=True)
