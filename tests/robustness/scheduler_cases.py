"""Every scheduler class of diffusers, and every boolean or enumerated value of its config."""

import inspect
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import diffusers

from accel_exporter.schedules.config import SchedulerConfig

# What Stable Diffusion 1.x files say; the rest is each class's default.
STABLE_DIFFUSION: Final[Mapping[str, Any]] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "clip_sample": False,
    "trained_betas": None,
}
CLASSES: Final = tuple(sorted(name for name in dir(diffusers) if name.endswith("Scheduler")))
_ORDERS: Final = (1, 2, 3, 4)


def config_of(class_name: str, **changes: object) -> dict[str, Any]:
    """A `scheduler_config.json` of Stable Diffusion's, with changes."""
    return {**STABLE_DIFFUSION, "_class_name": class_name, **changes}


def parameters(class_name: str) -> frozenset[str]:
    """What a class reads of its config."""
    return frozenset(inspect.signature(getattr(diffusers, class_name).__init__).parameters) - {"self", "kwargs"}


def choices(class_name: str) -> dict[str, tuple[object, ...]]:
    """The values that the keys of a class may have, where they can be counted."""
    known = {key: _values(hint) for key, hint in get_type_hints(SchedulerConfig, include_extras=True).items()}
    return {key: values for key, values in known.items() if key in parameters(class_name) and values}


def single_changes(class_name: str) -> Iterator[dict[str, object]]:
    """Nothing changed, and every value of every key by itself."""
    yield {}
    for key, values in choices(class_name).items():
        yield from ({key: value} for value in values)


def paired_changes(class_name: str) -> Iterator[dict[str, object]]:
    """Every value of every key beside every value of every other."""
    for (one, ones), (other, others) in combinations(choices(class_name).items(), 2):
        yield from ({one: a, other: b} for a in ones for b in others)


def _values(hint: Any) -> tuple[object, ...]:
    parts = [part for part in get_args(hint) if get_origin(hint) is not None] or [hint]
    if literals := [part for part in (hint, *parts) if get_origin(part) is Literal]:
        return tuple(value for part in literals[:1] for value in get_args(part))
    if bool in parts:
        return (True, False)
    return _ORDERS if any(_is_order(part) for part in (hint, *parts)) else ()


def _is_order(hint: Any) -> bool:
    return any(getattr(meta, "le", None) == 16 for meta in getattr(hint, "__metadata__", ()))
