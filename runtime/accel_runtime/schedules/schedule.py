"""Schedule tables: a scheduler as numbers, and the one recurrence that runs every scheduler.

At UNet call ``k``, with ``x`` the latents, ``e`` the guided model outputs, ``z`` normal noise::

    u_k     = input_scale · x_k                             what the UNet is given
    e_k     = model(u_k, timestep)
    x_{k+1} = Σ_j a_j · x_{k-j} + Σ_j b_j · e_{k-j} + c · z_k

How tables are kept in a bundle: `accel_runtime.schedules.file`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt

from accel_runtime.errors import InputError

Latents = npt.NDArray[np.float32]


class ScheduleRow(msgspec.Struct, frozen=True):
    """One UNet call.

    Attributes:
        timestep: Timestep for the UNet.
        input_scale: The UNet is given ``input_scale · x_k``.
        a: Weights of the latents x_k, x_{k-1} …; 0 where there is no such history yet.
        b: Weights of the model outputs e_k, e_{k-1} …; 0 where there is no such history yet.
        c: Weight of the fresh normal noise z_k.
        draws: Normal tensors that diffusers draws at this call, also where ``c`` is 0: skip one
            and every later draw of the seed differs.
        shallow_ok: May this call reuse features? Never at call 0, which has none to reuse.
        add_noise: Weights of image and noise of a loop that starts from an image at this row; None where none can.
    """

    timestep: float
    input_scale: float
    a: tuple[float, ...]
    b: tuple[float, ...]
    c: float
    draws: int
    shallow_ok: bool
    add_noise: tuple[float, float] | None = None


class ScheduleTable(msgspec.Struct, frozen=True):
    """A scheduler compiled for one step count.

    Attributes:
        scheduler: Our short name, such as ``ddim``.
        steps: Steps that the user asked for; a scheduler may make more or fewer calls.
        begin: First of the scheduler's calls that is run; 0 is its start.
        init_noise_sigma: A loop without an image starts from this times standard normal noise.
        rows: One per UNet call; all ``a`` are equally long, and all ``b``.
    """

    scheduler: str
    steps: int
    begin: int
    init_noise_sigma: float
    rows: tuple[ScheduleRow, ...]

    @property
    def draws(self) -> bool:
        """Whether any call draws noise."""
        return any(row.draws for row in self.rows)


@dataclass(frozen=True)
class Recurrence:
    """Where the loop stands: the latents and the history that later rows may weigh.

    A value, not a state: `advance` returns the next one, and no array it ever handed out is
    written again, so callers may keep latents for previews.

    Attributes:
        x: Latents x_k, x_{k-1} … float32, newest first.
        e: Model outputs e_{k-1}, e_{k-2} … float32, newest first; empty if no row looks back.
    """

    x: tuple[Latents, ...]
    e: tuple[Latents, ...] = ()

    @classmethod
    def start(cls, latents: Latents) -> Self:
        """Begin at ``latents`` ``[B, C, H, W]``, already multiplied by ``init_noise_sigma``."""
        return cls((latents.astype(np.float32),))

    @property
    def latents(self) -> Latents:
        """The newest latents, x_k."""
        return self.x[0]

    def model_input(self, row: ScheduleRow) -> Latents:
        """What the UNet is given at this call; the latents themselves where nothing is scaled."""
        return self.latents if row.input_scale == 1.0 else self.latents * np.float32(row.input_scale)

    def replaced(self, latents: Latents) -> Self:
        """The same with other newest latents; what later rows weigh of older ones stays."""
        return type(self)((latents, *self.x[1:]), self.e)

    def advance(self, row: ScheduleRow, noise_pred: Latents, *, draw: Latents | None = None) -> Self:
        """The state after this call.

        Args:
            row: Row of this call.
            noise_pred: e_k, the guided model output, shaped as the latents. Copied where a later row
                needs it, so the caller may reuse its buffer.
            draw: z_k, standard normal; must be given if ``row.draws``.

        Raises:
            InputError: The row draws noise, and none was given.
        """
        if row.draws and draw is None:
            raise InputError("this schedule row draws noise: pass `draw`, standard normal, shaped as the latents")
        terms = [*zip(row.a, self.x, strict=False), *zip(row.b, (noise_pred, *self.e), strict=False)]
        if draw is not None:
            terms.append((row.c, draw))
        kept = len(row.b) - 1
        e = (noise_pred.astype(np.float32), *self.e)[:kept] if kept else ()
        return type(self)((_weighted_sum(terms), *self.x)[: len(row.a)], e)


def _weighted_sum(terms: Sequence[tuple[float, Latents]]) -> Latents:
    """Σ weight · array, rounded to float32 after every product and sum; the order is part of the contract."""
    weight, array = terms[0]
    total = array * np.float32(weight)
    product = np.empty_like(total)
    for weight, array in terms[1:]:
        if weight:
            total += np.multiply(array, np.float32(weight), out=product)
    return total
