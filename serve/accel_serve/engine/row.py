"""One image underway: where it stands in its own plan, with its own schedule, seed and features."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from accel_runtime.backends.base import Array
from accel_runtime.backends.host import HostBuffer
from accel_runtime.denoising.forecaster import HostForecaster
from accel_runtime.denoising.inpainting import Blend
from accel_runtime.denoising.loop import guide, not_finite
from accel_runtime.denoising.noise import TorchGenerator, stacked_normal
from accel_runtime.denoising.watch import Watch
from accel_runtime.plans.plan import Call, Plan, Shallow
from accel_runtime.schedules.schedule import Recurrence, ScheduleRow


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """What of an image does not change while it is drawn.

    Attributes:
        plan: Its plan.
        inputs: The denoiser's other inputs: [2, …] with the negative half first, or [1, …] where nothing is guided.
        generator: Draws the noise that its scheduler adds.
        blend: Puts back what of a picture stays; None where all of it is drawn.
    """

    plan: Plan
    inputs: Mapping[str, Array]
    generator: TorchGenerator
    blend: Blend | None = None


class Row:
    """An image and where it stands. It runs nothing: it says what its next call needs, and takes what came of it.

    A guided call has two rows of the UNet, the negative one first, and an unguided call has one. A plan with a rule
    decides for each image alone, as it does for a request of one image.

    Args:
        image: What does not change.
        latents: x_0, [1, C, h, w].
    """

    def __init__(self, image: Image, latents: Array) -> None:
        self.image = image
        self.index = 0
        self._watch = Watch(image.plan)
        self._call = self._watch.call(0)
        self._state = Recurrence.start(latents)
        self._past: tuple[Mapping[int, Array], ...] = ()
        self._forecaster = HostForecaster()

    @property
    def call(self) -> Call:
        """The next call; of an image that is done, the last one."""
        return self._call

    @property
    def step(self) -> ScheduleRow:
        """The schedule of the next call."""
        return self.image.plan.schedule.rows[self.index]

    @property
    def is_done(self) -> bool:
        """Whether no call is left."""
        return self.index == len(self.image.plan.calls)

    @property
    def latents(self) -> Array:
        """Where it stands, [1, C, h, w]."""
        return self._state.latents

    @property
    def unet_rows(self) -> int:
        """How many rows of the UNet the next call has."""
        return 2 if self.call.guided else 1

    def sample(self) -> Array:
        """What the UNet is given in each of these rows, [1, C, h, w]."""
        with np.errstate(over="ignore", invalid="ignore"):  # `take` tells what is no number
            return self._state.model_input(self.step)

    def given(self, name: str) -> Array:
        """An input of the UNet for these rows."""
        return self.image.inputs[name][-self.unet_rows :]

    def forecast(self, call: Shallow, target: Array) -> None:
        """Write the feature of a shallow call, as `accel_runtime.denoising.passes` makes it, into these rows."""
        past = [features[call.branch][-self.unet_rows :] for features in self._past[: len(call.forecast)]]
        if call.forecast == (1.0,):
            target[...] = past[0]
        else:
            self._forecaster.combine(list(map(HostBuffer, past)), call.forecast, target=HostBuffer(target))

    def take(self, noise: Array, features: Mapping[int, Array]) -> None:
        """Take what a call made, as `accel_runtime.denoising.loop.denoise` does.

        Args:
            noise: Of these rows.
            features: Of these rows, by branch, where the call was deep; arrays that nobody writes again.

        Raises:
            NumericsError: The latents became NaN or infinite.
        """
        image, call, step = self.image, self.call, self.step
        if not isinstance(call, Shallow):
            self._past = (features, *self._past)[: image.plan.history]
        draw = stacked_normal([image.generator], self.latents.shape[1:]) if step.draws else None
        with np.errstate(over="ignore", invalid="ignore"):
            guided = guide(noise, call, rescale=image.plan.guidance_rescale)
            self._state = self._state.advance(step, guided, draw=draw)
        if not np.isfinite(self.latents).all():
            raise not_finite(image.plan, self.index, call=call)
        self._watch.saw(guided, self.latents)
        if image.blend is not None:
            self._state = self._state.replaced(image.blend.after(self.index, self.latents))
        self.index += 1
        if not self.is_done:
            self._call = self._watch.call(self.index)
