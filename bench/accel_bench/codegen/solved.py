"""The settings of a script for diffusers whose plan has solved rows: its scheduler is the rows themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from accel_bench.codegen.settings import schedule_table
from accel_bench.codegen.template import Setting
from accel_bench.profiles import Config
from accel_runtime.plans.compile import compile_plan
from accel_runtime.plans.plan import Shallow

_WEIGHTS = "By shallow call, weights of the last deep features, newest first."
_OF_ROW = "Of each call: timestep, scale of the UNet's input, weights of latents and of noises."


def solved_settings(settings: Mapping[str, Setting], config: Config) -> dict[str, Setting]:
    """The constants of `scripts/run_diffusers.py` for a plan with solved rows.

    The script knows only the calls that run, and numbers them anew.

    Args:
        settings: The constants without a scheduler's, for a plan without solved rows.
        config: The config.

    Raises:
        AccelError: The schedule of the config's model cannot be made, or the plan does not fit it.
    """
    table = schedule_table(config)
    plan = compile_plan(config.plan, table, guidance=config.guidance)
    rows = tuple((row.timestep, row.input_scale, row.a, row.b) for row in plan.schedule.rows)
    shallow = {call: each.forecast for call, each in enumerate(plan.calls) if isinstance(each, Shallow)}
    guided = [at for at, call in enumerate(config.plan.running_calls(len(table.rows))) if config.plan.guides(call)]
    ran = f"Calls that run, of the {len(table.rows)} of {table.scheduler} with {table.steps} steps."
    deep = f"The deep calls, numbered as they run{'; all others are shallow' if shallow else ': all'}."
    return dict(settings) | {
        "STEPS": Setting(len(rows), ran),
        "GUIDED_CALLS": replace(settings["GUIDED_CALLS"], value=_span(guided)),
        "DEEP_CALLS": Setting(plan.deep_calls if shallow else range(len(rows)), deep, "Sequence[int]"),
        "FORECAST_WEIGHTS": replace(settings["FORECAST_WEIGHTS"], value=shallow, comment=_WEIGHTS if shallow else ""),
        "INIT_NOISE_SIGMA": Setting(table.init_noise_sigma),
        "ROWS": Setting(rows, _OF_ROW, "Sequence[tuple[float, float, tuple[float, ...], tuple[float, ...]]]"),
    }


def _span(numbers: Sequence[int]) -> range:
    """Successive numbers as a range."""
    return range(numbers[0], numbers[-1] + 1) if numbers else range(0)
