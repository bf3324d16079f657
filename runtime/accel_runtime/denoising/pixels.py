"""From the VAE's sample to pixels, on the host or where the sample is."""

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


class DevicePixels:
    """The same in a device's memory, by the bundle's graph `pixels`: a third of the bytes cross to the host.

    Args:
        sample: Where the VAE's decoder writes, [B, 3, H, W].
        session: The graph.
        backend: Allocates.
    """

    def __init__(self, sample: Buffer, session: Session, *, backend: Backend) -> None:
        batch, _, height, width = sample.shape
        self._packed, self._finite = backend.allocate((batch, height, width)), backend.allocate((1,))
        self._call = session.bind({"sample": sample}, {"pixels": self._packed, "finite": self._finite})

    def read(self) -> NDArray[np.uint8]:
        """The pixels of what the sample holds; see `to_pixels`."""
        self._call.run()
        if not self._finite.read()[0]:
            raise _not_finite()
        return unpack(self._packed.read())


def unpack(packed: Array) -> NDArray[np.uint8]:
    """Red + 256 green + 65536 blue, [B, H, W] → [B, H, W, 3]."""
    colours = packed.astype(np.uint32)[..., np.newaxis] >> np.array([0, 8, 16], np.uint32)
    return (colours & 255).astype(np.uint8)


def _not_finite() -> NumericsError:
    return NumericsError(f"the VAE decoder made NaN or infinite pixels: {NUMERICS_ADVICE}")
