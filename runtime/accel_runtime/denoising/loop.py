"""The denoising loop: a generator that yields after every UNet call."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from accel_runtime.backends.base import Array
from accel_runtime.denoising.inpainting import Blend
from accel_runtime.denoising.noise import TorchGenerator, stacked_normal
from accel_runtime.denoising.passes import Passes
from accel_runtime.denoising.watch import Watch
from accel_runtime.errors import NUMERICS_ADVICE, NumericsError
from accel_runtime.plans.plan import Call, Deep, Plan
from accel_runtime.schedules.schedule import Recurrence


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What the caller sees after one UNet call.

    Attributes:
        index: Number of the call, counted from 0.
        total: How many calls the plan has.
        timestep: Timestep that the UNet was given.
        call: Which pass ran: the plan's entry, or what its rule made of it.
        read: Gives `latents`.
    """

    index: int
    total: int
    timestep: float
    call: Call
    read: Callable[[], Array]

    @property
    def latents(self) -> Array:
        """[B, C, h, w] float32 after the call; never written again.

        A loop on the device copies them to the host here, so it must be asked before the next call.
        """
        return self.read()


def denoise(
    passes: Passes,
    plan: Plan,
    *,
    latents: Array,
    generators: Sequence[TorchGenerator],
    blend: Blend | None = None,
) -> Iterator[Step]:
    """Run the plan; the caller owns progress, timing, preview and stopping.

    Args:
        passes: Runs the plan's calls on this batch.
        plan: The pass to run at each call.
        latents: x_0, the scaled noise or the noised image, [B, C, h, w].
        generators: One per image; schedulers that add noise draw from them.
        blend: Puts back after each call what of a picture is to stay.

    Raises:
        NumericsError: The latents became NaN or infinite; says at which call.
    """
    state, watch = Recurrence.start(latents), Watch(plan)
    total = len(plan.calls)
    for index, row in enumerate(plan.schedule.rows):
        call = watch.call(index)
        # What overflows is told below, as an error; numpy would warn of it first.
        with np.errstate(over="ignore", invalid="ignore"):
            noise = passes.run(call, state.model_input(row), timestep=row.timestep, index=index)
            guided = guide(noise, call, rescale=plan.guidance_rescale)
            draw = stacked_normal(generators, latents.shape[1:]) if row.draws else None
            state = state.advance(row, guided, draw=draw)
        if not np.isfinite(state.latents).all():
            raise not_finite(plan, index, call=call)
        watch.saw(guided, state.latents)
        if blend is not None:
            state = state.replaced(blend.after(index, state.latents))
        yield Step(index=index, total=total, timestep=row.timestep, call=call, read=partial(_latents, state))


def _latents(state: Recurrence) -> Array:
    return state.latents


def not_finite(plan: Plan, index: int, *, call: Call) -> NumericsError:
    """The error of a call whose latents are no numbers."""
    kind = "deep" if isinstance(call, Deep) else "shallow"
    timestep = plan.schedule.rows[index].timestep
    return NumericsError(
        f"call {index} ({kind}, timestep {timestep:g}) made NaN or infinite latents: {NUMERICS_ADVICE}"
    )


def guide(noise: Array, call: Call, *, rescale: float = 0.0) -> Array:
    """Classifier-free guidance (arXiv:2207.12598): [2B, …], negative half first → [B, …].

    Args:
        noise: Output of the UNet.
        call: Says whether and how strongly it is guided.
        rescale: How far each image's deviation is brought back to the prompt half's (arXiv:2305.08891, section 3.4).
    """
    if not call.guided:
        return noise
    negative, prompt = np.split(noise, 2)
    guided: Array = negative + np.float32(call.guidance) * (prompt - negative)
    if rescale == 0.0:
        return guided
    rescaled = guided * (_deviation(prompt) / _deviation(guided))
    mixed: Array = np.float32(rescale) * rescaled + np.float32(1 - rescale) * guided
    return mixed


def _deviation(images: Array) -> Array:
    """Each image's standard deviation, Bessel-corrected as torch's. Shape: [B, 1, 1, 1]."""
    deviation: Array = images.std(axis=tuple(range(1, images.ndim)), keepdims=True, ddof=1, dtype=np.float32)
    return deviation
