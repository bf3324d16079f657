"""Pictures for the documentation: samples of the shipped model, and the curves of its training."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from accel_bench.quality.captions import CAPTIONS, data_file, read_captions
from accel_bench.records.captions import Caption
from accel_exporter import ExportOptions, export_bundle, open_source
from accel_runtime.pipeline import open_bundle
from accel_runtime.request import Request

_COLUMNS: Final = 8
_ROWS: Final = 3  # rows of held-out captions, and as many of trained ones
_STEPS: Final = 20
_GUIDANCE: Final = 4.0
_SIDE: Final = 128  # pixels of a picture in the gallery, twice the model's own
_LINE: Final = 13  # pixels of a line of text
_SMOOTH: Final = 50  # steps
_SPARSE: Final = 10  # steps between the points of a curve


def draw_gallery(folder: Path, file: Path, *, seed: int) -> Iterator[tuple[int, float]]:
    """Draw captions chosen by ``seed`` alone, none picked by hand, and write them as one picture to ``file``.

    Yields the number of finished pictures, and no loss.
    """
    bundle = folder / "bundle"
    for _ in export_bundle(open_source("tiny"), bundle, options=ExportOptions(), force=True):
        pass
    pipeline = open_bundle(bundle)
    captions = _chosen(read_captions(data_file(CAPTIONS)), seed=seed)
    plan = pipeline.plan(_STEPS, scheduler="ddim", guidance=_GUIDANCE)
    cells = []
    for index, caption in enumerate(captions):
        request = Request(prompts=(caption.caption,), seed=seed + index)
        cells.append(_cell(pipeline.generate(request, plan).images[0], caption.caption))
        yield index, float("nan")
    rows = [np.concatenate(cells[i : i + _COLUMNS], axis=1) for i in range(0, len(cells), _COLUMNS)]
    Image.fromarray(np.concatenate(rows)).save(file, optimize=True)


def _chosen(captions: Sequence[Caption], *, seed: int) -> list[Caption]:
    """Return held-out captions and then trained ones, of different objects."""
    rng = np.random.default_rng(seed)
    count = _COLUMNS * _ROWS
    labels = rng.permutation(sorted({caption.label for caption in captions}))[: 2 * count]
    by_key = {(caption.label, caption.held_out): caption for caption in captions}
    return [by_key[str(label), index < count] for index, label in enumerate(labels)]


def _cell(image: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """Return a picture with its caption below. Shape: [128 + text, 128, 3]."""
    label, _, background = text.partition(" on a ")
    canvas = Image.new("RGB", (_SIDE, _SIDE + 2 * _LINE + 6), "white")
    canvas.paste(Image.fromarray(image).resize((_SIDE - 4, _SIDE - 4), Image.Resampling.LANCZOS), (2, 2))
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=10)
    for line, words in enumerate((label, f"on a {background}")):
        draw.text((_SIDE / 2, _SIDE + line * _LINE), words, fill="black", font=font, anchor="ma")
    return np.asarray(canvas)


def plot_curves(folder: Path, file: Path) -> None:
    """Plot the smoothed loss of every stage, as SVG."""
    curves = sorted(folder.glob("*/curve.jsonl"))
    mpl.rcParams["svg.hashsalt"] = "accel"
    figure, axes = plt.subplots(1, len(curves), figsize=(4 * len(curves), 3), layout="constrained")
    for axis, curve in zip(axes, curves, strict=True):
        loss = np.array([json.loads(line)["loss"] for line in curve.read_text("utf-8").splitlines()])
        smooth = np.convolve(loss, np.ones(_SMOOTH) / _SMOOTH, mode="valid")
        axis.plot((np.arange(len(smooth)) + _SMOOTH)[::_SPARSE], smooth[::_SPARSE])
        axis.set(title=curve.parent.name, xlabel="step", ylabel=f"loss, mean of {_SMOOTH} steps")
        axis.grid(alpha=0.3)
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
