"""The files of this folder, read strictly."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from accel_runtime import Pipeline, Request
from accel_runtime.plans.file import parse_plan
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.request import Control, Framing

FOLDER: Final = Path(__file__).parent
# Of the largest value: what other instructions make of the same sums.
CLOSE: Final = 1e-4


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The base of every part."""


class Picture(_Strict, frozen=True):
    """Levels by a rule: the sum of index times rule over the axes, modulo 256."""

    shape: tuple[int, ...]
    rule: tuple[int, ...]

    def draw(self) -> NDArray[np.uint8]:
        axes = np.indices(self.shape)
        levels = sum(axis * factor for axis, factor in zip(axes, self.rule, strict=True))
        return np.asarray(levels % 256, np.uint8)


class Steering(_Strict, frozen=True):
    """A control image; the numbers are those of `accel_runtime.request.Control`."""

    image: Picture
    scale: float = 1.0
    start: float = 0.0
    end: float = 1.0


class Asked(_Strict, frozen=True):
    """What is asked for, by the names of `accel_runtime.Request`."""

    prompts: tuple[str, ...]
    negatives: tuple[str, ...] = ("",)
    images_per_prompt: int = 1
    seed: int = 0
    seeds: tuple[int, ...] | None = None
    height: int | None = None
    width: int | None = None
    guidance: float | None = None
    guidance_rescale: float = 0.0
    image: Picture | None = None
    strength: float = 1.0
    mask: Picture | None = None
    controls: tuple[Steering, ...] = ()
    framing: Framing | None = None
    negative_framing: Framing | None = None
    class_labels: tuple[int, ...] = ()

    def request(self) -> Request:
        """The same for the Python runtime."""
        plain = ("prompts", "negatives", "images_per_prompt", "seed", "seeds", "height", "width", "class_labels")
        framings = ("framing", "negative_framing")
        return Request(
            **{name: getattr(self, name) for name in (*plain, *framings)},
            image=None if self.image is None else self.image.draw(),
            mask=None if self.mask is None else self.mask.draw(),
            controls=tuple(Control(each.image.draw(), each.scale, each.start, each.end) for each in self.controls),
        )


class Latents(_Strict, frozen=True):
    """What comes out."""

    shape: tuple[int, ...]
    values: tuple[float, ...]

    def check(self, drawn: NDArray[np.float32]) -> None:
        """Whether latents are these."""
        expected = np.array(self.values, np.float64).reshape(self.shape)
        assert drawn.shape == self.shape
        assert np.abs(drawn - expected).max() <= CLOSE * np.abs(expected).max()


class Case(_Strict, frozen=True):
    """A file."""

    bundle: str
    plan: msgspec.Raw
    request: Asked
    latents: Latents

    @property
    def spec(self) -> PlanSpec:
        return parse_plan(bytes(self.plan), Path("plan"))

    def drawn_by(self, pipeline: Pipeline) -> Any:
        """The Python runtime's latents."""
        asked = self.request
        strength = None if asked.image is None else asked.strength
        rescale = asked.guidance_rescale
        plan = pipeline.compile(self.spec, strength=strength, guidance=asked.guidance, guidance_rescale=rescale)
        *_, last = pipeline.denoise(asked.request(), plan)
        return last.latents


def names() -> Iterator[str]:
    """The files' names, without their ending."""
    yield from sorted(path.stem for path in FOLDER.glob("*.json"))


def read(name: str) -> Case:
    return msgspec.json.decode((FOLDER / f"{name}.json").read_bytes(), type=Case)
