"""From the VAE's sample to pixels, on the host or where the sample is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_runtime.backends.base import Array, Backend, Buffer, Session
from accel_runtime.errors import NUMERICS_ADVICE, NumericsError


def to_pixels(sample: Array) -> NDArray[np.uint8]:
    """[B, 3, H, W] in [-1, 1] → [B, H, W, 3] in 0…255, rounded as diffusers' VaeImageProcessor does.

    Raises:
        NumericsError: The sample holds NaN or infinity.
    """
    if not np.isfinite(sample).all():
        raise _not_finite()
    unit = np.clip(sample / 2 + 0.5, 0, 1)
    return (unit.transpose(0, 2, 3, 1) * 255).round().astype(np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class DevicePixels:
    """The same in a device's memory, by the bundle's graph `pixels`: a quarter of the bytes cross to the host."""

    session: Session
    backend: Backend

    def __call__(self, sample: Buffer) -> NDArray[np.uint8]:
        """See `to_pixels`."""
        batch, channels, height, width = sample.shape
        pixels = self.backend.allocate((batch, height, width, channels), "uint8")
        finite = self.backend.allocate((1,), "uint8")
        self.session.bind({"sample": sample}, {"pixels": pixels, "finite": finite}).run()
        if not finite.read()[0]:
            raise _not_finite()
        made: NDArray[np.uint8] = pixels.read()
        return made


def _not_finite() -> NumericsError:
    return NumericsError(f"the VAE decoder made NaN or infinite pixels: {NUMERICS_ADVICE}")
