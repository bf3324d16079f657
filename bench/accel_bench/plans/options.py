"""The plans that a command line asks for: the one reader of `--plan` and of the options that go with it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from accel_bench.base.text import parse_guided_calls
from accel_bench.plans.names import tome_text
from accel_runtime.bundle.named_plans import read_plans
from accel_runtime.errors import InputError
from accel_runtime.manifest import PLAN_RULES, is_plan_name
from accel_runtime.plans.deep_calls import DEEP_CALLS_EXPECTED
from accel_runtime.plans.file import read_plan
from accel_runtime.plans.forecast import Forecast, parse_forecast
from accel_runtime.plans.gate import NO_GATE, parse_gate
from accel_runtime.plans.rule import RULE_EXPECTED, parse_calls
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.plans.tome import Tome, parse_tome

Value = TypeVar("Value")

_NUMBER = re.compile(r" *[0-9]{1,6} *")


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """The options of a command line that plans come from.

    Attributes:
        plans: Texts of `--plan`: rules, lists of calls, names of the bundle's plans, or paths of plan files, each alone
            or several by commas.
        branches: Texts of `--branch`, each a number or several by commas.
        forecasts: Texts of `--forecast`, each a name or several by commas.
        steps: Value of `--steps`.
        scheduler: Value of `--scheduler`.
        guided_calls: Text of `--guided-calls`.
        tome: Texts of `--tome`, each a share of the tokens or several by commas.
        tgate: Texts of `--tgate`, each the first gated call, or `none`, or several by commas.
        written: Names of the options above, such as `--steps`, that the user wrote; the others have their defaults.
        bundle: Folder of the bundle whose plans may be named; None where there is no bundle.
    """

    plans: Sequence[str]
    branches: Sequence[str]
    forecasts: Sequence[str]
    steps: int
    scheduler: str | None
    guided_calls: str | None = None
    tome: Sequence[str] = ("0",)
    tgate: Sequence[str] = (NO_GATE,)
    written: frozenset[str] = frozenset()
    bundle: Path | None = None


@dataclass(frozen=True, slots=True)
class ChosenPlans:
    """Plans, and the steps and the scheduler that they have in common.

    Attributes:
        specs: The plans; steps and scheduler are None where they are the common ones.
        steps: Denoising steps.
        scheduler: A scheduler of the bundle; None takes the bundle's default.
    """

    specs: tuple[PlanSpec, ...]
    steps: int
    scheduler: str | None

    @property
    def only(self) -> PlanSpec:
        """The plan of a command that takes one.

        Raises:
            InputError: There are several.
        """
        if len(self.specs) != 1:
            raise InputError(f"expected one plan, one branch and one forecast, got {len(self.specs)} plans")
        return self.specs[0]


def choose_plans(options: PlanOptions) -> ChosenPlans:
    """Read the plans of a command line.

    Every plan that is given as text is taken on every branch with every forecast, every share of the tokens and every
    gate. A plan of the bundle and a plan file say these themselves, and an option that was written and says something
    else is refused.

    Raises:
        InputError: A text is no plan, a file cannot be read, or a plan and an option contradict each other.
        BundleError: A text may be a plan of the bundle, and the bundle cannot be read.

    >>> chosen = choose_plans(PlanOptions(("every:3,calls:0,4",), ("1",), ("hold",), 20, None))
    >>> [(spec.deep, spec.branch) for spec in chosen.specs]
    [('every:3', 1), ((0, 4), 1)]
    """
    specs = tuple(dict.fromkeys(_read_all(options)))
    steps = _common((spec.steps for spec in specs), options.steps)
    scheduler = _common((spec.scheduler for spec in specs), options.scheduler)
    return ChosenPlans(tuple(_without(spec, steps, scheduler) for spec in specs), steps, scheduler)


def parse_branches(texts: Sequence[str]) -> tuple[int, ...]:
    """Branches, each once.

    Raises:
        InputError: One of them is no number.

    >>> parse_branches(["0,2", "1"])
    (0, 2, 1)
    """
    parts = [part for text in texts for part in text.split(",")]
    if wrong := [part for part in parts if not _NUMBER.fullmatch(part)]:
        raise InputError(f"--branch: expected numbers by commas, such as 0,1, got {wrong[0]!r}")
    return tuple(dict.fromkeys(int(part) for part in parts))


def _read_all(options: PlanOptions) -> Iterator[PlanSpec]:
    branches, forecasts = parse_branches(options.branches), _parse_forecasts(options.forecasts)
    tome = tuple(dict.fromkeys(_tome(part) for text in options.tome for part in text.split(",")))
    gates = tuple(dict.fromkeys(parse_gate(part.strip()) for text in options.tgate for part in text.split(",")))
    guided = None if options.guided_calls is None else parse_guided_calls(options.guided_calls)
    for text in (part for each in options.plans for part in _split(each)):
        if _is_rule(text):
            deep, rule = parse_calls(text)
            for branch, forecast, share, gate in product(branches, forecasts, tome, gates):
                calls = PlanSpec(deep=deep, branch=branch, forecast=forecast, guided_calls=guided, rule=rule)
                yield calls.with_tome(share).with_gate(gate)
            continue
        spec = _read(text, options.bundle)
        for option, own, allowed in (
            ("--branch", spec.branch, branches),
            ("--forecast", spec.forecast, forecasts),
            ("--guided-calls", spec.guided_calls, (guided,)),
            ("--tome", spec.tome, tome),
            ("--tgate", spec.tgate, gates),
            ("--steps", spec.steps, (None, options.steps)),
            ("--scheduler", spec.scheduler, (None, options.scheduler)),
        ):
            if option in options.written and own not in allowed:
                raise InputError(f"{text}: {option}: expected the plan's own, {_shown(own)}: leave the option out")
        yield spec


def _tome(text: str) -> Tome | UnsetType:
    ratio = parse_tome(text.strip())
    return Tome(ratio=ratio) if ratio else UNSET


def _shown(value: object) -> str:
    if isinstance(value, Tome):
        return tome_text(value)
    if isinstance(value, UnsetType):
        return "none"
    return "-".join(map(str, value)) if isinstance(value, tuple) else str("all" if value is None else value)


def _split(text: str) -> list[str]:
    """The plans of a text; a comma between the numbers of `calls:0,4` separates no plans, nor does one in a path."""
    if _is_file(text):
        return [text]
    plans: list[str] = []
    for part in text.split(","):
        if plans and plans[-1].startswith("calls:") and _NUMBER.fullmatch(part):
            plans[-1] += f",{part}"
        else:
            plans.append(part.strip())
    return plans


def _is_rule(text: str) -> bool:
    """Whether a text is meant as a rule or a list of calls, as all that begins like one is."""
    return text.partition(":")[0] in PLAN_RULES


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False


def _read(text: str, bundle: Path | None) -> PlanSpec:
    """The plan of the bundle that has this name, or else of the file that has this path."""
    plans = read_plans(bundle) if bundle is not None and is_plan_name(text) else None
    if plans is not None and text in plans.names:
        return plans.plan(text)
    if _is_file(text):
        return read_plan(Path(text))
    named = f", a plan of the bundle ({', '.join(plans.names) or 'it has none'})" if plans is not None else ""
    rules = f"{DEEP_CALLS_EXPECTED}, {RULE_EXPECTED}"
    raise InputError(f"--plan {text!r}: expected {rules}{named}, or a plan file; there is no such file")


def _parse_forecasts(texts: Sequence[str]) -> tuple[Forecast, ...]:
    return tuple(dict.fromkeys(parse_forecast(part.strip()) for text in texts for part in text.split(",")))


def _common(own: Iterator[Value | None], default: Value) -> Value:
    """The one value that plans have of their own; the default where they have none, or several."""
    values = {value for value in own if value is not None}
    return values.pop() if len(values) == 1 else default


def _without(spec: PlanSpec, steps: int, scheduler: str | None) -> PlanSpec:
    """The plan without the common steps and scheduler; a solved plan keeps those that it was solved for."""
    if spec.solved:
        return spec
    return msgspec.structs.replace(
        spec,
        steps=None if spec.steps == steps else spec.steps,
        scheduler=None if spec.scheduler == scheduler else spec.scheduler,
    )
