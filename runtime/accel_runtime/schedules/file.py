"""Schedule files: all tables of one scheduler, as the bundle keeps them.

A safetensors file (8 bytes little-endian header length, JSON header, raw little-endian arrays in C order). With ``T``
tables and ``R`` rows in total, all tables one after the other:

====================  =======  ========  =============================================================================
key                   dtype    shape     meaning
====================  =======  ========  =============================================================================
``tables``            int64    [T, 6]    steps, begin, first row, rows, Hx, He
``init_noise_sigma``  float64  [T]
``timestep``          float64  [R]       what the UNet is told
``input_scale``       float64  [R]
``a``                 float64  [R, X]    weights of x_k, x_{k-1} …; a table uses the first Hx, the rest is 0
``b``                 float64  [R, E]    weights of e_k, e_{k-1} …; a table uses the first He, the rest is 0
``c``                 float64  [R]       weight of z_k
``draws``             int64    [R]       normal tensors diffusers draws at this call, 0 or 1
``shallow_ok``        int64    [R]       1 where the call may reuse features
``add_noise``         float64  [R, 2]    weights of image and noise of a loop that starts here; NaN where none can
====================  =======  ========  =============================================================================

The header's ``__metadata__`` (strings) has ``format`` = "accel-schedules", ``version`` = "2", ``scheduler`` (our short
name, or `OWN_SCHEDULER`), ``order`` (calls that img2img counts as a step), ``memoryless`` ("yes" where a loop that
starts in the middle makes the same calls as one that arrives there, so that its table is the rest of the whole one;
"no" for multistep methods, whose first rows are a warm-up), and what the exporter adds, such as the scheduler's class
and config.

Format history: 1, without ``add_noise`` by row, ``order`` and ``memoryless``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isnan, nan
from pathlib import Path
from typing import Final, cast

import msgspec
import numpy as np
import numpy.typing as npt

from accel_runtime.base.arrays import decode_arrays, encode_arrays
from accel_runtime.errors import BundleError, InputError
from accel_runtime.schedules.arrays import LAYOUT, SCHEDULE_FORMAT, SCHEDULE_VERSION, Arrays, check_arrays, load_arrays
from accel_runtime.schedules.schedule import ScheduleRow, ScheduleTable

SCHEDULE_SUFFIX = ".safetensors"
# Stands for the pipeline's own scheduler, and is its name in a bundle where no short name means just that.
OWN_SCHEDULER: Final = "pipeline"

_SCALARS = ("timestep", "input_scale", "c", "draws", "shallow_ok")


class MissingTableError(InputError):
    """The bundle has no table for what was asked, but one could be compiled."""


@dataclass(frozen=True, slots=True, eq=False)
class ScheduleFile:
    """The tables of one scheduler.

    Attributes:
        path: Where they come from, for messages.
        metadata: ``scheduler``, ``order``, ``memoryless`` and the exporter's own strings.
        arrays: The arrays of this module's docstring, checked.
    """

    path: Path
    metadata: Mapping[str, str]
    arrays: Arrays

    @classmethod
    def open(cls, path: Path) -> "ScheduleFile":
        """Read and check a schedule file.

        Raises:
            BundleError: The file is missing or malformed; names file and key.
        """
        metadata, arrays = load_arrays(path)
        return cls(path, metadata, arrays)

    @classmethod
    def decode(cls, data: bytes, path: Path) -> "ScheduleFile":
        """The same from a file's bytes; ``path`` is for messages.

        Raises:
            BundleError: They are malformed; names file and key.
        """
        try:
            metadata, arrays = decode_arrays(data)
        except ValueError as error:
            raise BundleError(f"{path}: cannot be read as a schedule file: {error}") from error
        checked = cast("Arrays", arrays)
        check_arrays(path, metadata, checked)
        return cls(path, metadata, checked)

    @property
    def scheduler(self) -> str:
        """Our short name."""
        return self.metadata["scheduler"]

    @property
    def memoryless(self) -> bool:
        """Whether the table of a loop that starts in the middle is the rest of the whole one."""
        return self.metadata["memoryless"] == "yes"

    @property
    def order(self) -> int:
        """How many calls img2img counts as a step."""
        return int(self.metadata["order"])

    @property
    def index(self) -> tuple[tuple[int, int], ...]:
        """Steps and first call of every table that is there."""
        return tuple((steps, begin) for steps, begin, *_ in self.arrays["tables"].tolist())

    def step_ranges(self) -> str:
        """The step counts of loops that start from noise, in words: ``1-14, 16-100``."""
        steps = np.unique([steps for steps, begin in self.index if begin == 0])
        runs = [run for run in np.split(steps, np.flatnonzero(np.diff(steps) > 1) + 1) if run.size]
        return ", ".join(f"{run[0]:g}" if run.size == 1 else f"{run[0]:g}-{run[-1]:g}" for run in runs) or "none"

    def table(self, steps: int, *, begin: int = 0) -> ScheduleTable:
        """The table for ``steps`` that starts at call ``begin``.

        Raises:
            MissingTableError: The file has no such table; says which step counts it has.
            InputError: The scheduler cannot start there.
        """
        found = self._find(steps, begin)
        if found is not None:
            whole = self._find(steps, 0) if begin else None
            return found if whole is None else noised_as(whole, found)
        whole = self._find(steps, 0) if self.memoryless else None
        if whole is None:
            wanted = f"{steps} steps from call {begin} on" if begin else f"{steps} steps"
            held = self.step_ranges()
            raise MissingTableError(f"{self.scheduler}: no table for {wanted}: whole ones are there for {held} steps")
        return rest_of(whole, begin)

    def all_tables(self) -> tuple[ScheduleTable, ...]:
        """Every table that is there, in the file's order."""
        return tuple(_table(self.scheduler, self.arrays, at) for at in range(len(self.arrays["tables"])))

    def _find(self, steps: int, begin: int) -> ScheduleTable | None:
        tables = self.arrays["tables"].astype(np.int64)
        at = np.flatnonzero((tables[:, 0] == steps) & (tables[:, 1] == begin))
        return _table(self.scheduler, self.arrays, int(at[0])) if at.size else None


def first_call(steps: int, strength: float, *, order: int) -> int:
    """The call that img2img starts at, as `StableDiffusionImg2ImgPipeline` of diffusers 0.42.1 counts.

    Args:
        steps: Steps of the whole schedule.
        strength: How much of it is run, in (0, 1]; 1 runs all of it.
        order: The scheduler's; see `ScheduleFile`.

    Raises:
        InputError: The strength is out of range, or so small that no step is left.

    >>> first_call(20, 0.6, order=1)
    8
    """
    if not 0 < strength <= 1:
        raise InputError(f"strength: expected more than 0 and at most 1, got {strength}")
    run = min(int(steps * strength), steps)
    if run < 1:
        # diffusers fails here, or draws by accident where a scheduler makes more calls than steps (PNDM).
        least = ceil(1000 / steps) / 1000
        raise InputError(
            f"strength {strength:g} of {steps} steps leaves none to run, and the picture as it is: "
            f"expected a strength of {least:g} or more, or more steps"
        )
    return (steps - run) * order


def rest_of(whole: ScheduleTable, begin: int) -> ScheduleTable:
    """The table of a memoryless scheduler that starts at call ``begin``.

    Raises:
        InputError: There is no such call, or it is within a step.
    """
    if not (0 <= begin < len(whole.rows)) or whole.rows[begin].add_noise is None:
        raise InputError(f"{whole.scheduler}: {whole.steps} steps cannot start at call {begin}")
    first, *others = whole.rows[begin:]
    rows = (msgspec.structs.replace(first, shallow_ok=False), *others)
    return msgspec.structs.replace(whole, begin=begin, rows=rows)


def noised_as(whole: ScheduleTable, started: ScheduleTable) -> ScheduleTable:
    """A table that starts in the middle, with the whole one's weights of image and noise after its own start.

    A scheduler adds noise by timestep alone, wherever the loop began, so a compiled table has them for its start only.
    A table whose timesteps are not the rest of the whole one's stays as it is.
    """
    rest = whole.rows[started.begin :]
    if [row.timestep for row in rest] != [row.timestep for row in started.rows]:
        return started
    first, *others = zip(started.rows, rest, strict=True)
    rows = (first[0], *(msgspec.structs.replace(row, add_noise=same.add_noise) for row, same in others))
    return msgspec.structs.replace(started, rows=rows)


def write_schedules(path: Path, tables: Sequence[ScheduleTable], *, metadata: Mapping[str, str]) -> None:
    """Write all tables of one scheduler to ``path``, which ends in ``SCHEDULE_SUFFIX``; see `encode_schedules`."""
    path.write_bytes(encode_schedules(tables, metadata=metadata))


def encode_schedules(tables: Sequence[ScheduleTable], *, metadata: Mapping[str, str]) -> bytes:
    """All tables of one scheduler in the layout of this module's docstring.

    Args:
        tables: At least one, all of the same scheduler.
        metadata: ``order``, ``memoryless``, and further strings: the scheduler's class, config, diffusers' version.

    Raises:
        InputError: No tables, or tables of several schedulers.
    """
    names = {table.scheduler for table in tables}
    if len(names) != 1:
        raise InputError(f"a schedule file holds the tables of one scheduler, got {sorted(names)}")
    head = {"format": SCHEDULE_FORMAT, "version": SCHEDULE_VERSION, "scheduler": names.pop()}
    return encode_arrays(_arrays(tables), {**metadata, **head})


def _arrays(tables: Sequence[ScheduleTable]) -> dict[str, npt.NDArray[np.generic]]:
    rows = [row for table in tables for row in table.rows]
    first = np.cumsum([0, *(len(table.rows) for table in tables)])
    index = [
        (table.steps, table.begin, start, len(table.rows), len(table.rows[0].a), len(table.rows[0].b))
        for table, start in zip(tables, first, strict=False)
    ]
    values = {
        "tables": index,
        "init_noise_sigma": [table.init_noise_sigma for table in tables],
        "add_noise": [row.add_noise or (nan, nan) for row in rows],
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
    columns = {key: arrays[key][first : first + count].tolist() for key in (*_SCALARS, "a", "b", "add_noise")}
    rows = tuple(
        ScheduleRow(
            timestep=columns["timestep"][k],
            input_scale=columns["input_scale"][k],
            a=tuple(columns["a"][k][:hx]),
            b=tuple(columns["b"][k][:he]),
            c=columns["c"][k],
            draws=columns["draws"][k],
            shallow_ok=bool(columns["shallow_ok"][k]),
            add_noise=None if isnan(columns["add_noise"][k][0]) else tuple(columns["add_noise"][k]),
        )
        for k in range(count)
    )
    return ScheduleTable(scheduler, steps, begin, float(arrays["init_noise_sigma"][at]), rows)
