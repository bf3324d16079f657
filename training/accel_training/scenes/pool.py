"""Drawn scenes, many of them, kept in files: drawing one takes as long as training on it once."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from accel_bench.quality.scenes.scene import Scene, describe, parse_caption
from accel_runtime.durable import write_bytes, write_file
from accel_training.scenes.draw import draw
from accel_training.scenes.sample import SIZE, sample_scene

_CHUNK = 1000  # scenes of a file


@dataclass(frozen=True, slots=True, eq=False)
class ScenePool:
    """Scenes with their pictures.

    Attributes:
        images: Shape: [N, 64, 64, 3], uint8.
        scenes: What each picture shows.
    """

    images: NDArray[np.uint8]
    scenes: tuple[Scene, ...]


def draw_scenes(count: int, *, seed: int, held_out: bool = False) -> ScenePool:
    """Draw random scenes.

    Args:
        count: How many.
        seed: The same seed gives the same scenes and the same pictures.
        held_out: See `sample_scene`.
    """
    rng = np.random.default_rng([seed, int(held_out)])
    scenes = tuple(sample_scene(rng, held_out=held_out) for _ in range(count))
    return ScenePool(np.stack([draw(scene, rng=rng).pixels() for scene in scenes]), scenes)


def keep_scenes(folder: Path, count: int, *, seed: int) -> Iterator[int]:
    """Draw scenes into files of a folder, yielding how many there are; what an earlier call drew stays."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(-(-count // _CHUNK)):
        images, captions = _files(folder, number)
        if not captions.exists():
            pool = draw_scenes(_CHUNK, seed=seed + number)
            write_file(images, partial(_save, pool.images))
            write_bytes(captions, "\n".join(map(describe, pool.scenes)).encode())
        yield (number + 1) * _CHUNK


def read_scenes(folder: Path, count: int) -> ScenePool:
    """Read the scenes that `keep_scenes` drew."""
    pictures = np.empty((count, SIZE, SIZE, 3), np.uint8)
    scenes: list[Scene] = []
    for number in range(-(-count // _CHUNK)):
        images, captions = _files(folder, number)
        part = np.load(images)[: count - len(scenes)]
        pictures[len(scenes) : len(scenes) + len(part)] = part
        scenes += map(parse_caption, captions.read_text("utf-8").splitlines()[: len(part)])
    return ScenePool(pictures, tuple(scenes))


def _save(pictures: NDArray[np.uint8], file: BinaryIO) -> None:
    np.save(file, pictures)


def _files(folder: Path, number: int) -> tuple[Path, Path]:
    return folder / f"{number:04}.npy", folder / f"{number:04}.txt"
