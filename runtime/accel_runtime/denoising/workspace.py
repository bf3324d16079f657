"""What one request at a time is drawn in: buffers and bindings, made for a plan and a batch and used again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from accel_runtime.backends.base import Array
from accel_runtime.denoising.components import Components
from accel_runtime.denoising.conditioning import Conditioning
from accel_runtime.denoising.device_loop import DeviceLoop
from accel_runtime.denoising.inpainting import Blend
from accel_runtime.denoising.loop import Step, denoise
from accel_runtime.denoising.noise import TorchGenerator
from accel_runtime.denoising.passes import Passes
from accel_runtime.denoising.unet import UNet
from accel_runtime.errors import InputError
from accel_runtime.plans.plan import Plan


@dataclass(frozen=True, slots=True, eq=False)
class Workspace:
    """The UNet's buffers, and the loop's where that is on the device.

    Attributes:
        plan: The plan that it is made for.
        passes: Runs the plan's calls.
        loop: The loop on the device; None where numpy computes it.
    """

    plan: Plan
    passes: Passes
    loop: DeviceLoop | None

    @classmethod
    def make(cls, components: Components, unet: UNet, plan: Plan, *, latent_shape: tuple[int, ...]) -> Self:
        """Allocate what a plan needs around ``unet``.

        Raises:
            InputError: The graphs are fixed to other sizes than the plan's calls have, or the loop on the device, which
                binds all calls before the first, is wanted for a plan with a rule.
        """
        if plan.rule is not None and components.place == "device":
            raise InputError("plan: its rule decides on the host as the loop runs: take the loop auto or host")
        graphs = components.device_loop if plan.rule is None else None
        backend = components.backend
        passes = Passes.of(unet, plan, forecaster=graphs.forecaster(backend, plan) if graphs else None)
        if graphs is None:
            return cls(plan, passes, loop=None)
        loop = DeviceLoop(passes, plan, latent_shape=latent_shape, backend=backend, advance=graphs.advance)
        return cls(plan, passes, loop)

    def restart(self, conditioning: Conditioning) -> None:
        """Begin another request of the same plan and sizes."""
        self.passes.restart(conditioning)

    def denoise(
        self, latents: Array, generators: Sequence[TorchGenerator], *, blend: Blend | None = None
    ) -> Iterator[Step]:
        """Run the plan; see `accel_runtime.denoising.loop.denoise`. Numpy blends, so then the host's loop runs."""
        if self.loop is not None and blend is None:
            return self.loop.denoise(latents, generators)
        return denoise(self.passes, self.plan, latents=latents, generators=generators, blend=blend)
