"""The settings of each target's script, taken from a config.

Only the exporter knows diffusers' names for our short names, so scripts for diffusers need the `export` extra.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from accel_bench.base.extras import export_extra
from accel_bench.codegen.choice import Choice
from accel_bench.codegen.template import Setting
from accel_bench.plans.guided_calls import parse_guided_calls
from accel_bench.profiles import Config
from accel_runtime.errors import InputError
from accel_runtime.plan import parse_deep_calls
from accel_runtime.schedule_file import OWN_SCHEDULER

# No scheduler makes more UNet calls per step.
_CALLS_OF_STEP: Final = 2


@dataclass(frozen=True, slots=True)
class SchedulerClass:
    """A scheduler in diffusers.

    Attributes:
        name: Name of the class.
        options: Options of its config.
        eta: `eta` of every step; 0 where the class has none.
        keeps_seeds: Whether a seed gives the same picture in diffusers as in accel.
    """

    name: str
    options: Mapping[str, object]
    eta: float
    keeps_seeds: bool


def runtime_settings(choice: Choice, *, prompt: str, bundle: str | None) -> dict[str, Setting]:
    """The constants of `scripts/run_runtime.py`."""
    config, backend = choice.config, choice.profile.backends[0]
    others = ", ".join(dict.fromkeys(each.provider for each in choice.profile.backends[1:]))
    return {
        "PROMPT": Setting(prompt),
        "NEGATIVE": Setting(""),
        "BUNDLE": Setting(bundle or default_bundle(config)),
        "PROVIDER": Setting(backend.provider, f"The profile's first choice; then {others}." if others else ""),
        "PROVIDER_OPTIONS": Setting(dict(backend.options), annotation="dict[str, str]"),
        **_size(config),
        "SCHEDULER": Setting(config.scheduler),
        "STEPS": Setting(config.steps),
        "GUIDANCE": Setting(config.guidance),
        "GUIDED_CALLS": _guided_calls(config),
        "PLAN": Setting(config.plan, _in_words(config)),
        "BRANCH": Setting(config.branch, "Where shallow calls cut the UNet; 0 keeps the least of it."),
        "FORECAST": Setting(config.forecast.value, "How a shallow call's feature is made of the last deep ones."),
        "FORECAST_WEIGHTS": _weights(config),
    }


def diffusers_settings(
    choice: Choice, *, prompt: str, model: str | None, variant: str | None, scheduler: SchedulerClass
) -> dict[str, Setting]:
    """The constants of `scripts/run_diffusers.py`."""
    config = choice.config
    dtype = "What UNet and text encoder compute in on a GPU; a processor computes in fp32."
    return {
        "PROMPT": Setting(prompt),
        "NEGATIVE": Setting(""),
        "MODEL": Setting(model, "A diffusers folder or hub id.", "str | None"),
        "VARIANT": Setting(variant, annotation="str | None"),
        "DTYPE": Setting(config.dtype, dtype),
        **_size(config),
        "SCHEDULER_CLASS": Setting(scheduler.name),
        "SCHEDULER_OPTIONS": Setting(dict(scheduler.options), annotation="dict[str, object]"),
        "ETA": Setting(scheduler.eta),
        "STEPS": Setting(config.steps),
        "GUIDANCE": Setting(config.guidance),
        "GUIDED_CALLS": _guided_calls(config),
        "DEEP_CALLS": Setting(_deep_calls(config), _in_words(config), "Sequence[int]"),
        "BRANCH": Setting(config.branch, "Where shallow calls cut the UNet; 0 keeps the least of it."),
        "HISTORY": Setting(
            config.forecast.history, f"How many deep features make a shallow call's: {config.forecast.value}."
        ),
        "FORECAST_WEIGHTS": _weights(config),
    }


def default_bundle(config: Config) -> str:
    """The folder that `accel export` writes by default."""
    return f"{Path(config.model).name}-bundle"


def _size(config: Config) -> Mapping[str, Setting]:
    return {"WIDTH": Setting(config.width), "HEIGHT": Setting(config.height), "BATCH": Setting(config.batch)}


def _weights(config: Config) -> Setting:
    weights = {int(call): values for call, values in config.forecast_weights.items()}
    told = "By shallow call, weights of its own for the last deep features, newest first." if weights else ""
    return Setting(weights, told, "dict[int, tuple[float, ...]]")


def _guided_calls(config: Config) -> Setting:
    """The guided calls; where all are guided, as many as the steps can make."""
    first, last = 0, _CALLS_OF_STEP * config.steps - 1
    told = "The calls that are guided: all."
    if config.guided_calls:
        first, last = parse_guided_calls(config.guided_calls)
        told = "The calls that are guided; all others run on the prompt alone."
    return Setting(range(first, last + 1), told, "Sequence[int]")


def _deep_calls(config: Config) -> range | tuple[int, ...]:
    """The deep calls among as many UNet calls as the steps can make; a range where it can express them."""
    calls = parse_deep_calls(config.plan, _CALLS_OF_STEP * config.steps)
    kind, _, value = config.plan.partition(":")
    if kind == "calls":
        return tuple(sorted(set(calls)))
    return range(0, _CALLS_OF_STEP * config.steps, int(value or 1))


def _in_words(config: Config) -> str:
    kind, _, value = config.plan.partition(":")
    if kind == "full":
        return "The deep calls: all."
    which = f"every {value}, from call 0" if kind == "every" else "by number from 0"
    return f"The deep calls, {which}; all others are shallow."


def scheduler_class(name: str) -> SchedulerClass:
    """The diffusers class of a short name.

    Raises:
        InputError: There is no such scheduler, or it is a pipeline's own one, which has no name.
        MissingExtraError: The `export` extra is not installed.
    """
    with export_extra():
        # It imports torch, so it is imported only where it is used.
        from accel_exporter.schedules import SCHEDULERS, short_name  # noqa: PLC0415
    if name == OWN_SCHEDULER:
        raise InputError(f"scheduler {name!r}: the pipeline's own has no name in diffusers: write it for the runtime")
    chosen = SCHEDULERS[short_name(name)]
    return SchedulerClass(
        name=chosen.class_name,
        options=chosen.overrides,
        eta=float(str(chosen.step_options.get("eta", 0.0))),
        keeps_seeds=chosen.keeps_seeds,
    )


def hub_id(model: str) -> str | None:
    """The hub id or folder of a config's model; None where only our package has the weights.

    Raises:
        MissingExtraError: The `export` extra is not installed.
    """
    with export_extra():
        from accel_exporter.sources.aliases import ALIASES  # noqa: PLC0415  # as above
    return ALIASES[model].hub_id if model in ALIASES else model
