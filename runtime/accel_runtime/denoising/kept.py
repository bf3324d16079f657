"""What the cross-attentions of a keeping call gave, for the gated calls after it."""

from collections.abc import Mapping
from typing import Final

from accel_runtime.backends.base import Buffer
from accel_runtime.denoising.forecaster import Forecaster, Weights
from accel_runtime.denoising.unet import UNet

# The mean of the negative and the prompt half, or the one half that there is.
_MEAN: Final[Weights] = (0.5, 0.5)
_ALONE: Final[Weights] = (1.0,)
SETTLED_BY: Final = (_MEAN, _ALONE)


class Kept:
    """Fixed buffers, and the mean over halves that is made once an image.

    Args:
        unet: Runs the graphs.
        forecaster: Makes weighted sums; it knows the weights `SETTLED_BY`.

    Attributes:
        fresh: What a keeping call writes, by tensor, with all rows.
        settled: What gated calls read, by tensor, with a row for each image.
    """

    def __init__(self, unet: UNet, forecaster: Forecaster) -> None:
        self.fresh: Mapping[str, Buffer] = unet.new_kept(of="rows")
        self.settled: Mapping[str, Buffer] = unet.new_kept(of="images")
        self._unet, self._forecaster = unet, forecaster

    def settle(self, *, guided: bool) -> None:
        """Make of what a keeping call wrote what gated calls read.

        Args:
            guided: Whether the keeping call ran both halves.
        """
        for name, buffer in self.fresh.items():
            halves = self._unet.halves(buffer) if guided else (self._unet.rows(buffer, guided=False),)
            self._forecaster.combine(halves, _MEAN if guided else _ALONE, target=self.settled[name])
