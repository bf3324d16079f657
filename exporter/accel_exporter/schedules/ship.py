"""Make the tables that the package brings anew, or compare them with what is compiled now.

python -m accel_exporter.schedules.ship [--check]
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import diffusers
import numpy as np
import torch
from diffusers import SchedulerMixin

from accel_exporter.schedules.compile import row_weights
from accel_exporter.schedules.content import COMPILER_VERSION, Content
from accel_exporter.schedules.names import bundled_names, scheduler_for
from accel_exporter.schedules.store import HOLDS_FOR, SHIPPED, SHIPPED_STEPS, entry_path, read, write
from accel_exporter.schedules.tables import compile_tables
from accel_runtime.errors import ExportError
from accel_runtime.schedules.schedule import ScheduleTable

# Of arithmetic in float64, and of what diffusers computes in float32, whose roots are not the same everywhere.
_SAME: Final = 1e-12
_ROUNDED: Final = 1e-4

# What the hub's Stable Diffusion 1.x and 2-base say; the values that are not there are each class's defaults.
_STABLE_DIFFUSION: Final[Mapping[str, Any]] = {
    "_class_name": "PNDMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "clip_sample": False,
    "trained_betas": None,
}
# The shipped architectures write every value out: those of the built-in model and of `sd15 --weights random`.
_WRITTEN_OUT: Final = {**_STABLE_DIFFUSION, "prediction_type": "epsilon", "timestep_spacing": "leading"}
BASES: Final = (_WRITTEN_OUT, _STABLE_DIFFUSION)

# The versions whose schedulers are the same, file for file.
_VERSIONS: Final = ("0.42.0", "0.42.1")


@dataclass(frozen=True, slots=True)
class Shipped:
    """Content whose tables come with the package, and a scheduler to compile them of."""

    content: Content
    scheduler: SchedulerMixin

    def compile(self, steps: tuple[int, ...]) -> tuple[ScheduleTable, ...]:
        """The tables of these step counts, compiled now."""
        return compile_tables(self.content.name, self.scheduler, steps).tables

    def differences(self, steps: tuple[int, ...]) -> Iterator[str]:
        """What differs between the tables that are shipped for these step counts and what is compiled now."""
        found = read(SHIPPED, self.content)
        if found is None:
            yield f"{entry_path(SHIPPED, self.content).name}: missing or damaged"
            return
        shipped = {(table.steps, table.begin): table for table in found.only(steps).tables}
        fresh = {(table.steps, table.begin): table for table in self.compile(steps)}
        if list(shipped) != list(fresh):
            yield f"{self.content.name}: other tables: {sorted(set(shipped) ^ set(fresh))[:5]}"
            return
        for at, table in fresh.items():
            if (worst := difference(shipped[at], table)) > allowed_difference():
                yield f"{self.content.name}, {at[0]} steps from call {at[1]} on: {worst:.1e} of a row's largest weight"


def shipped() -> Iterator[Shipped]:
    """All content that the package brings tables for, each once."""
    seen = set()
    for base in BASES:
        for name in bundled_names(base):
            scheduler = scheduler_for(name, base)
            content = Content.of(name, scheduler, steps=SHIPPED_STEPS)
            if content.key not in seen and not _is_refused(name, scheduler):
                seen.add(content.key)
                yield Shipped(content, scheduler)


@cache
def allowed_difference() -> float:
    """How far a table that is compiled on this processor may be from a shipped one, as `difference` tells it.

    torch 2.13.0 leaves roots, exponentials and logarithms of float32 to MKL, which rounds a fifth of the roots to the
    other neighbour on some processors (AMD Zen 5). Diffusers' own schedulers differ by as much there.
    """
    numbers = torch.linspace(0.0, 1.0, 4096)
    exact = np.array_equal(numbers.sqrt().numpy(), np.sqrt(numbers.numpy()))
    return _SAME if exact else _ROUNDED


def difference(one: ScheduleTable, other: ScheduleTable) -> float:
    """The largest difference of two tables' numbers, each relative to its row's largest weight, or to 1.

    Infinite if they do not even have the same form.
    """
    if [(len(r.a), len(r.b), r.draws, r.shallow_ok) for r in one.rows] != [
        (len(r.a), len(r.b), r.draws, r.shallow_ok) for r in other.rows
    ]:
        return float("inf")
    a, b = (np.array([row_weights(row) for row in table.rows]) for table in (one, other))
    heads = [[(table.init_noise_sigma, *(row.add_noise or (0.0, 0.0))) for row in table.rows] for table in (one, other)]
    a, b = np.hstack([a, heads[0]]), np.hstack([b, heads[1]])
    # The timestep, in column 0, is a number of another size than the weights.
    size = np.maximum(np.abs(a[:, 1:]).max(axis=1), 1.0)
    return float(max(np.abs(a[:, 0] - b[:, 0]).max(), (np.abs(a - b)[:, 1:].max(axis=1) / size).max()))


def _is_refused(name: str, scheduler: SchedulerMixin) -> bool:
    try:
        compile_tables(name, scheduler, (2,))
    except ExportError:
        return True
    return False


def _make() -> None:
    SHIPPED.mkdir(exist_ok=True)
    for old in SHIPPED.glob("*.tables"):
        old.unlink()
    for each in shipped():
        path = write(SHIPPED, each.content, compile_tables(each.content.name, each.scheduler, SHIPPED_STEPS))
        sys.stderr.write(f"{path.name}: {path.stat().st_size:,} bytes\n")
    holds_for = {"compiler": COMPILER_VERSION, "diffusers": sorted({diffusers.__version__, *_VERSIONS})}
    HOLDS_FOR.write_text(json.dumps(holds_for, indent=2) + "\n", "utf-8")


def _check() -> int:
    found = [line for each in shipped() for line in each.differences(SHIPPED_STEPS)]
    sys.stdout.write("".join(f"{line}\n" for line in found) or "all shipped tables are what is compiled now\n")
    return 1 if found else 0


def main() -> int:
    """Make or compare."""
    parser = argparse.ArgumentParser(prog="accel_exporter.schedules.ship", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with what is compiled now; write nothing")
    if parser.parse_args().check:
        return _check()
    _make()
    return 0


if __name__ == "__main__":
    sys.exit(main())
