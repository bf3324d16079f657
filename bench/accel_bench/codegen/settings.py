"""The settings of each target's script, taken from a config.

Only the exporter knows diffusers' names for our short names, and makes schedules of a model's scheduler config, so
scripts for diffusers need the `export` extra.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from accel_bench.base.extras import extra
from accel_bench.codegen.choice import Choice
from accel_bench.codegen.template import Setting
from accel_bench.profiles import Config
from accel_runtime.errors import InputError
from accel_runtime.plans.deep_calls import CALLS_OF_STEP, FULL, interval
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.schedules.file import OWN_SCHEDULER
from accel_runtime.schedules.schedule import ScheduleTable

# The class of diffusers whose parts `scripts/run_diffusers.py` calls.
_PIPELINE: Final = "StableDiffusionPipeline"


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
        "GUIDANCE": Setting(config.guidance),
        "PLAN": Setting(config.plan, _plan_words(config.plan)),
    }


def diffusers_settings(
    choice: Choice, *, prompt: str, model: str | None, variant: str | None, scheduler: SchedulerClass | None
) -> dict[str, Setting]:
    """The constants of `scripts/run_diffusers.py`; without those of a scheduler of diffusers where there is none."""
    config, plan = choice.config, choice.config.plan
    dtype = "What UNet and text encoder compute in on a GPU; a processor computes in fp32."
    return {
        "PROMPT": Setting(prompt),
        "NEGATIVE": Setting(""),
        "MODEL": Setting(model, "A diffusers folder or hub id.", "str | None"),
        "VARIANT": Setting(variant, annotation="str | None"),
        "DTYPE": Setting(config.dtype, dtype),
        **_size(config),
        **({"ETA": Setting(0.0)} if scheduler is None else _of_diffusers(scheduler)),
        "STEPS": Setting(config.steps),
        "GUIDANCE": Setting(config.guidance),
        "GUIDED_CALLS": _guided_calls(plan),
        "DEEP_CALLS": Setting(_deep_calls(plan), f"{_deep_words(plan)}.", "Sequence[int]"),
        "BRANCH": Setting(plan.branch, "Where shallow calls cut the UNet; 0 keeps the least of it."),
        "HISTORY": Setting(
            plan.forecast.history, f"How many deep features make a shallow call's: {plan.forecast.value}."
        ),
        "FORECAST_WEIGHTS": _weights(plan),
        **({"TOME": Setting(plan.tome.ratio, "The share of the tokens that is merged.")} if plan.tome else {}),
        **(_gate(plan, plan.tgate) if plan.tgate else {}),
    }


def default_bundle(config: Config) -> str:
    """The folder that `accel export` writes by default."""
    return f"{Path(config.model).name}-bundle"


def _of_diffusers(scheduler: SchedulerClass) -> Mapping[str, Setting]:
    return {
        "SCHEDULER_CLASS": Setting(scheduler.name),
        "SCHEDULER_OPTIONS": Setting(dict(scheduler.options), annotation="dict[str, object]"),
        "ETA": Setting(scheduler.eta),
    }


def _size(config: Config) -> Mapping[str, Setting]:
    return {"WIDTH": Setting(config.width), "HEIGHT": Setting(config.height), "BATCH": Setting(config.batch)}


def _most_calls(plan: PlanSpec) -> int:
    """The largest number of UNet calls that the steps can make."""
    return CALLS_OF_STEP * (plan.steps or 0)


def _weights(plan: PlanSpec) -> Setting:
    told = "By shallow call, weights of its own for the last deep features, newest first." if plan.weights else ""
    return Setting(dict(plan.weights), told, "dict[int, tuple[float, ...]]")


def _gate(plan: PlanSpec, gate: int) -> Mapping[str, Setting]:
    deep = _deep_calls(plan)
    return {
        "GATE": Setting(gate, "The first call that takes what cross-attentions gave before."),
        "KEEPING": Setting(max(call for call in deep if call < gate), "The call at which they gave it."),
    }


def _guided_calls(plan: PlanSpec) -> Setting:
    """The guided calls; where all are guided, as many as the steps can make."""
    if plan.guided_calls is None and not plan.tgate:
        return Setting(range(_most_calls(plan)), "The calls that are guided: all.", "Sequence[int]")
    first, last = plan.guided_calls or (0, int(plan.tgate or 0) - 1)
    told = "The calls that are guided; all others run on the prompt alone."
    return Setting(range(first, last + 1), told, "Sequence[int]")


def _deep_calls(plan: PlanSpec) -> range | tuple[int, ...]:
    """The deep calls among as many UNet calls as the steps can make; a range where a rule gives them."""
    return plan.deep if isinstance(plan.deep, tuple) else range(0, _most_calls(plan), interval(plan.deep) or 1)


def _plan_words(plan: PlanSpec) -> str:
    """The comment above a whole plan."""
    if plan.rows:
        others = "`skip` run nothing, all others are shallow"
        return f"The deep calls, by number from 0; those of {others}. `rows` are solved, and jump over skipped calls."
    if plan.deep == FULL:
        return f"{_deep_words(plan)}."
    shallow = "These cut the UNet at `branch`; 0 keeps the least of it. `forecast` says how their features are made."
    return f"{_deep_words(plan)}. {shallow}"


def _deep_words(plan: PlanSpec) -> str:
    step = interval(plan.deep)
    if plan.deep == FULL:
        return "The deep calls: all"
    which = "by number from 0" if step is None else f"every {step}, from call 0"
    return f"The deep calls, {which}; all others are shallow"


def scheduler_class(name: str) -> SchedulerClass:
    """The diffusers class of a short name.

    Raises:
        InputError: There is no such scheduler, or it is a pipeline's own one, which has no name.
        MissingExtraError: The `export` extra is not installed.
    """
    with extra("export"):
        # It imports torch, so it is imported only where it is used.
        from accel_exporter.schedules import SCHEDULERS, short_name  # noqa: PLC0415
    if name == OWN_SCHEDULER:
        raise InputError(f"scheduler {name!r}: the pipeline's own one has no name in diffusers: take --target runtime")
    chosen = SCHEDULERS[short_name(name)]
    return SchedulerClass(
        name=chosen.class_name,
        options=chosen.overrides,
        eta=float(str(chosen.step_options.get("eta", 0.0))),
        keeps_seeds=chosen.keeps_seeds,
    )


def schedule_table(config: Config) -> ScheduleTable:
    """The schedule of a config's scheduler and steps, by the scheduler config of its model.

    Raises:
        AccelError: The model cannot be read, or the scheduler cannot be a table.
        MissingExtraError: The `export` extra is not installed.
    """
    with extra("export"):
        from accel_exporter import open_source  # noqa: PLC0415  # as above
        from accel_exporter.schedules import compile_one  # noqa: PLC0415
        from accel_exporter.sources.shipped import ALIASES  # noqa: PLC0415
    # The package has the configs of models with a short name: nothing is downloaded for these.
    source = open_source(config.model, weights="random" if config.model in ALIASES else "trained")
    (table,) = compile_one(config.scheduler, source.scheduler_config, steps=[config.steps]).tables
    return table


def hub_id(model: str) -> str | None:
    """The hub id or folder of a config's model; None where only our package has the weights.

    Raises:
        InputError: The model has a short name and needs another pipeline than the script's.
        MissingExtraError: The `export` extra is not installed.
    """
    with extra("export"):
        from accel_exporter import open_source  # noqa: PLC0415  # as above
        from accel_exporter.sources.shipped import ALIASES  # noqa: PLC0415
    if model not in ALIASES:
        return model
    pipeline = open_source(model, weights="random").model_index["_class_name"]
    if pipeline != _PIPELINE:
        raise InputError(
            f"model {model!r}: expected one of {_PIPELINE}, which scripts for diffusers drive, got one of {pipeline}: "
            "write one for runtime"
        )
    return ALIASES[model].hub_id
