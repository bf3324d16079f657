"""Schedule tables: a scheduler as numbers, and the one recurrence that runs every scheduler.

At UNet call ``k``, with ``x`` the latents, ``e`` the guided model outputs, ``z`` normal noise::

    u_k     = input_scale · x_k                             what the UNet is given
    e_k     = model(u_k, timestep)
    x_{k+1} = Σ_j a_j · x_{k-j} + Σ_j b_j · e_{k-j} + c · z_k

One file per scheduler holds the tables of all its step counts. It is a safetensors file (8 bytes
little-endian header length, JSON header, raw little-endian arrays in C order). With ``T`` tables
and ``R`` rows in total, all tables one after the other:

===============  =======  ========  ==================================================================
key              dtype    shape     meaning
===============  =======  ========  ==================================================================
``tables``       int64    [T, 6]    steps, begin, first row, rows, Hx, He
``scales``       float64  [T, 3]    init_noise_sigma; add_noise: weight of the image, weight of the noise
``timestep``     float64  [R]       what the UNet is told
``input_scale``  float64  [R]
``a``            float64  [R, X]    weights of x_k, x_{k-1} …; a table uses the first Hx, the rest is 0
``b``            float64  [R, E]    weights of e_k, e_{k-1} …; a table uses the first He, the rest is 0
``c``            float64  [R]       weight of z_k
``draws``        int64    [R]       normal tensors diffusers draws at this call, 0 or 1
``shallow_ok``   int64    [R]       1 where the call may reuse features
===============  =======  ========  ==================================================================

``scales`` holds NaN for the two ``add_noise`` weights where the scheduler has no ``add_noise``.
The header's ``__metadata__`` (strings) has ``format`` = "accel-schedules", ``version`` = "1",
``scheduler`` (our short name) and what the exporter adds, such as the scheduler's class and config.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from accel_runtime.errors import InputError
from accel_runtime.schedule_arrays import (
    LAYOUT,
    SCHEDULE_FORMAT,
    SCHEDULE_VERSION,
    Arrays,
    load_arrays,
    step_ranges,
)

SCHEDULE_SUFFIX = ".safetensors"

Latents = npt.NDArray[np.float32]

_SCALARS = ("timestep", "input_scale", "c", "draws", "shallow_ok")


class ScheduleRow(msgspec.Struct, frozen=True):
    """One UNet call.

    Attributes:
        timestep: What the UNet is told.
        input_scale: The UNet is given ``input_scale · x_k``.
        a: Weights of the latents x_k, x_{k-1} …; 0 where there is no such history yet.
        b: Weights of the model outputs e_k, e_{k-1} …; 0 where there is no such history yet.
        c: Weight of the fresh normal noise z_k.
        draws: Normal tensors that diffusers draws at this call, also where ``c`` is 0: skip one
            and every later draw of the seed differs.
        shallow_ok: May this call reuse features? Never at call 0, which has none to reuse.
    """

    timestep: float
    input_scale: float
    a: tuple[float, ...]
    b: tuple[float, ...]
    c: float
    draws: int
    shallow_ok: bool


class ScheduleTable(msgspec.Struct, frozen=True):
    """A scheduler compiled for one step count.

    Attributes:
        scheduler: Our short name, such as ``ddim``.
        steps: What the user asked for; a scheduler may make more or fewer calls than that.
        begin: First of the scheduler's timesteps that is run; 0 starts from pure noise.
        init_noise_sigma: The loop starts from this times standard normal noise.
        add_noise: Weights of image and noise where the loop starts from an image; NaN if it cannot.
        rows: One per UNet call; all ``a`` are equally long, and all ``b``.
    """

    scheduler: str
    steps: int
    begin: int
    init_noise_sigma: float
    add_noise: tuple[float, float]
    rows: tuple[ScheduleRow, ...]


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

    def advance(self, row: ScheduleRow, noise_pred: Latents, *, draw: Latents | None = None) -> Self:
        """The state after this call.

        Args:
            row: Of this call.
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


def write_schedules(path: Path, tables: Sequence[ScheduleTable], *, metadata: Mapping[str, str]) -> None:
    """Write all tables of one scheduler to ``path``, in the layout of this module's docstring.

    Args:
        path: Ends in ``SCHEDULE_SUFFIX``.
        tables: At least one, all of the same scheduler.
        metadata: Further strings to keep: the scheduler's class, config, diffusers' version.

    Raises:
        InputError: No tables, or tables of several schedulers.
    """
    names = {table.scheduler for table in tables}
    if len(names) != 1:
        raise InputError(f"a schedule file holds the tables of one scheduler, got {sorted(names)}")
    head = {"format": SCHEDULE_FORMAT, "version": SCHEDULE_VERSION, "scheduler": names.pop()}
    path.write_bytes(_in_order(save(_arrays(tables), metadata={**metadata, **head})))


def _in_order(raw: bytes) -> bytes:
    """The same safetensors file with its header's keys sorted: the library leaves their order to chance."""
    size = int.from_bytes(raw[:8], "little")
    header = msgspec.json.encode(msgspec.json.decode(raw[8 : 8 + size]), order="sorted")
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + raw[8 + size :]


def read_schedule(path: Path, steps: int, *, begin: int = 0) -> ScheduleTable:
    """The table for ``steps`` and ``begin`` out of a schedule file.

    Raises:
        BundleError: The file is missing or malformed; names file and key.
        InputError: The file has no such table; says which step counts it has.
    """
    scheduler, arrays = load_arrays(path)
    tables = arrays["tables"].astype(np.int64)
    at = np.flatnonzero((tables[:, 0] == steps) & (tables[:, 1] == begin))
    if not at.size:
        raise InputError(
            f"{path.name} has no table for {steps} steps from {begin}: it holds {step_ranges(tables, begin)}"
        )
    return _table(scheduler, arrays, int(at[0]))


def _weighted_sum(terms: Sequence[tuple[float, Latents]]) -> Latents:
    """Σ weight · array, rounded to float32 after every product and sum; the order is part of the contract."""
    weight, array = terms[0]
    total = array * np.float32(weight)
    product = np.empty_like(total)
    for weight, array in terms[1:]:
        if weight:
            total += np.multiply(array, np.float32(weight), out=product)
    return total


def _arrays(tables: Sequence[ScheduleTable]) -> dict[str, npt.NDArray[np.generic]]:
    rows = [row for table in tables for row in table.rows]
    first = np.cumsum([0, *(len(table.rows) for table in tables)])
    index = [
        (table.steps, table.begin, start, len(table.rows), len(table.rows[0].a), len(table.rows[0].b))
        for table, start in zip(tables, first, strict=False)
    ]
    values = {
        "tables": index,
        "scales": [(table.init_noise_sigma, *table.add_noise) for table in tables],
        "a": _padded([row.a for row in rows]),
        "b": _padded([row.b for row in rows]),
        **{name: [getattr(row, name) for row in rows] for name in _SCALARS},
    }
    return {name: np.array(value, LAYOUT[name][0]) for name, value in values.items()}


def _padded(weights: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    width = max(map(len, weights))
    return [row + (0.0,) * (width - len(row)) for row in weights]


def _table(scheduler: str, arrays: Arrays, at: int) -> ScheduleTable:
    steps, begin, first, count, hx, he = arrays["tables"][at].tolist()
    sigma, image, noise = arrays["scales"][at].tolist()
    columns = {key: arrays[key][first : first + count].tolist() for key in (*_SCALARS, "a", "b")}
    rows = tuple(
        ScheduleRow(
            timestep=columns["timestep"][k],
            input_scale=columns["input_scale"][k],
            a=tuple(columns["a"][k][:hx]),
            b=tuple(columns["b"][k][:he]),
            c=columns["c"][k],
            draws=columns["draws"][k],
            shallow_ok=bool(columns["shallow_ok"][k]),
        )
        for k in range(count)
    )
    return ScheduleTable(scheduler, steps, begin, sigma, (image, noise), rows)
