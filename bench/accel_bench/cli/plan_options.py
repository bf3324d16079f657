"""Options of plans: every command that runs plans has these, and reads them in the same way."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from accel_bench.cli.options import PLANS
from accel_bench.plans.options import ChosenPlans, PlanOptions, choose_plans
from accel_runtime.plans.gate import NO_GATE

_PLAN_HELP: Final = (
    "Deep calls: full, every:3 or calls:0,3,7; or rule:noise:0.3:10, which decides as it runs; "
    "or the name of one of the bundle's plans; or a plan file, which `accel plan` writes."
)
_BRANCH_HELP: Final = "Where shallow calls cut the UNet."
_FORECAST_HELP: Final = "How a shallow call's feature is made: hold, linear or quadratic."
_SEVERAL: Final = " Repeat, or separate by commas."
_TOME_HELP: Final = "Share of the tokens to merge (ToMe), of a bundle that was exported with it; 0 merges none."
_TGATE_HELP: Final = (
    "First call that takes what cross-attentions gave before, unguided (T-GATE), of a bundle that was exported with it."
)
# The parameters of commands that a plan file may contradict, and their options.
_OPTIONS: Final = {
    "branches": "--branch",
    "branch": "--branch",
    "forecasts": "--forecast",
    "forecast": "--forecast",
    "guided_calls": "--guided-calls",
    "tome": "--tome",
    "tgate": "--tgate",
    "steps": "--steps",
    "scheduler": "--scheduler",
}

# Of commands that run one plan.
OnePlan = Annotated[str, typer.Option("--plan", help=_PLAN_HELP, rich_help_panel=PLANS)]
OneBranch = Annotated[str, typer.Option("--branch", help=_BRANCH_HELP, rich_help_panel=PLANS)]
OneForecast = Annotated[str, typer.Option("--forecast", help=_FORECAST_HELP, rich_help_panel=PLANS)]
GuidedCalls = Annotated[
    str | None,
    typer.Option(help="Guide these UNet calls only, such as 0-14.", show_default="all", rich_help_panel=PLANS),
]
OneTome = Annotated[str, typer.Option("--tome", help=_TOME_HELP, rich_help_panel=PLANS)]
OneGate = Annotated[str, typer.Option("--tgate", help=_TGATE_HELP, rich_help_panel=PLANS)]
# Of commands that compare several, with the defaults of most of them.
BRANCH_0: Final = ["0"]
HOLD: Final = ["hold"]
Plans = Annotated[list[str], typer.Option("--plan", help=_PLAN_HELP + _SEVERAL, rich_help_panel=PLANS)]
Branches = Annotated[list[str], typer.Option("--branch", help=_BRANCH_HELP + _SEVERAL, rich_help_panel=PLANS)]
NO_TOME: Final = ["0"]
Tomes = Annotated[list[str], typer.Option("--tome", help=_TOME_HELP + _SEVERAL, rich_help_panel=PLANS)]
NO_GATES: Final = [NO_GATE]
Gates = Annotated[list[str], typer.Option("--tgate", help=_TGATE_HELP + _SEVERAL, rich_help_panel=PLANS)]
Forecasts = Annotated[list[str], typer.Option("--forecast", help=_FORECAST_HELP + _SEVERAL, rich_help_panel=PLANS)]


def plans_of(
    context: typer.Context,
    plans: Sequence[str],
    *,
    bundle: Path,
    branches: Sequence[str],
    forecasts: Sequence[str],
    steps: int,
    scheduler: str | None,
    guided_calls: str | None = None,
    tome: Sequence[str] = NO_TOME,
    tgate: Sequence[str] = NO_GATES,
) -> ChosenPlans:
    """The plans that a command's options ask for; see `choose_plans`.

    Raises:
        InputError: A text is no plan, a plan cannot be read, or a plan and an option contradict each other.
        BundleError: A text may be a plan of the bundle, and the bundle cannot be read.
    """
    return choose_plans(
        PlanOptions(
            plans=plans,
            bundle=bundle,
            branches=branches,
            forecasts=forecasts,
            steps=steps,
            scheduler=scheduler,
            guided_calls=guided_calls,
            tome=tome,
            tgate=tgate,
            written=_written(context),
        )
    )


def _written(context: typer.Context) -> frozenset[str]:
    """The options that the user wrote."""
    sources = {option: context.get_parameter_source(name) for name, option in _OPTIONS.items()}
    # The enumeration is that of Typer's own copy of click, which it does not export.
    return frozenset(
        option for option, source in sources.items() if source is not None and source.name == "COMMANDLINE"
    )
