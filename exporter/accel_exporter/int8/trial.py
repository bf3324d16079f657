"""Pictures of a bundle with its own deep pass or with another one in its place, and how far they are apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from accel_exporter.check import Arrays
from accel_exporter.int8.calls import CAPTIONS, record_calls
from accel_runtime.backends import OnnxRuntimeBackend
from accel_runtime.backends.onnxruntime.session import OnnxRuntimeSession
from accel_runtime.bundle.bundle import Bundle
from accel_runtime.errors import InputError
from accel_runtime.manifest import Manifest, TensorSpec
from accel_runtime.pipeline import Pipeline
from accel_runtime.plans.plan import Plan
from accel_runtime.request import Request

# From so many parameters on, a picture takes minutes.
_LARGE: Final = 250_000_000
_BLACK_TO_WHITE: Final = 255.0
# Of a picture, so that equal ones have a ratio, too.
_LEAST_ERROR: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is drawn to judge layers.

    Attributes:
        captions: How many of `CAPTIONS`.
        steps: Of each picture.
        calls: UNet calls of each batch that layers are judged on, from the first to the last.
    """

    captions: int
    steps: int
    calls: int = 4

    @classmethod
    def of(cls, manifest: Manifest) -> "Effort":
        """As much as takes minutes with the built-in model; a large one is asked for less."""
        is_large = manifest.deep.parameters >= _LARGE
        return cls(captions=2 if is_large else len(CAPTIONS), steps=10)


class _OtherDeepPass(OnnxRuntimeBackend):
    """ONNX Runtime on the processor, with another file in the place of one."""

    def __init__(self, file: Path, instead: Path) -> None:
        super().__init__("cpu")
        self._file, self._instead = file, instead

    def load(self, path: Path, *, inputs: Sequence[TensorSpec] = (), tolerant: bool = False) -> OnnxRuntimeSession:
        return super().load(self._instead if path == self._file else path, inputs=inputs, tolerant=tolerant)


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Runs of a bundle on the built-in captions, uncached.

    Attributes:
        bundle: A float32 bundle.
        effort: How much is drawn.
    """

    bundle: Bundle
    effort: Effort

    @property
    def plan(self) -> Plan:
        """The uncached plan of the bundle's own scheduler."""
        return self._pipeline(None).plan(self.effort.steps)

    def calls(self) -> list[Arrays]:
        """Inputs of the deep pass, by name."""
        pipeline, plan = self._pipeline(None), self.plan
        count = self.effort.calls
        return [call for request in self._requests() for call in record_calls(pipeline, request, plan, count=count)]

    def pictures(self, deep: Path | None = None) -> NDArray[np.uint8]:
        """The pictures of all captions. Shape: [N, H, W, 3].

        Args:
            deep: The deep pass to run instead of the bundle's own.
        """
        pipeline, plan = self._pipeline(deep), self.plan
        return np.concatenate([pipeline.generate(request, plan).images for request in self._requests()])

    def _pipeline(self, deep: Path | None) -> Pipeline:
        own = self.bundle.path(self.bundle.manifest.deep.file)
        return Pipeline(self.bundle, _OtherDeepPass(own, deep or own), low_memory=None)

    def _requests(self) -> list[Request]:
        manifest = self.bundle.manifest
        rows = manifest.deep.input(manifest.denoiser.sample).shape[0]
        captions = CAPTIONS[: self.effort.captions]
        at_once = len(captions) if manifest.deep.parameters < _LARGE else 1
        if isinstance(rows, int):
            at_once = rows // 2 if manifest.denoiser.guidance == "halves" else rows
        starts = range(0, len(captions), at_once)
        return [Request(_filled(captions[start : start + at_once], at_once), seed=start) for start in starts]


def check_model(manifest: Manifest) -> None:
    """Whether the model is one that can be tried: it draws what a prompt says, and takes nothing else.

    Raises:
        InputError: It is another one.
    """
    taken = (
        ("a mask", manifest.takes_mask),
        ("control images", manifest.controls),
        ("classes", manifest.draws_classes),
    )
    if other := next((name for name, is_taken in taken if is_taken), None):
        raise InputError(
            f"int8: layers are chosen by pictures of captions, expected a model of prompts alone, got one that takes "
            f"{other}: export it with --dtype fp32"
        )


def psnr(images: NDArray[np.uint8], references: NDArray[np.uint8]) -> float:
    """The mean over pictures of the peak signal-to-noise ratio, in dB; 78 of a picture that does not differ.

    Not that of the mean error: a picture that the model nearly drew as something else is another one at any change.
    """
    errors = np.mean((images.astype(np.float64) - references) ** 2, axis=(1, 2, 3))
    return float(np.mean(10 * np.log10(_BLACK_TO_WHITE**2 / np.maximum(errors, _LEAST_ERROR))))


def _filled(captions: Sequence[str], count: int) -> tuple[str, ...]:
    """So many captions, the last one again where there are less."""
    return (*captions, *[captions[-1]] * (count - len(captions)))
