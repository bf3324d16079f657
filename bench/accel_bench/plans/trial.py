"""Trials: the plans that an evaluation compares, from what the user writes to what the loop runs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import product
from typing import TypeAlias

from accel_bench.plans.guided_calls import guided_calls_text
from accel_bench.records.parts import PlanFacts
from accel_runtime.deep_calls import deep_numbers, parse_deep_calls
from accel_runtime.errors import InputError
from accel_runtime.forecast import Forecast
from accel_runtime.pipeline import Pipeline
from accel_runtime.plan import Plan
from accel_runtime.plan_compile import compile_plan
from accel_runtime.plan_spec import PlanSpec
from accel_runtime.request import Request

Weights: TypeAlias = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """What is judged: a plan by short names, and where it leaves what all trials have in common.

    Attributes:
        plan: The deep calls; see `accel_runtime.plan.parse_deep_calls`.
        branch: Where shallow calls cut the UNet.
        forecast: How their features are made, but for those in ``weights``.
        weights: By shallow call, weights of the last deep features, newest first.
        steps: Denoising steps; None for those of all trials.
        scheduler: Same.
        guided_calls: The first and the last guided call; None where all are.
    """

    plan: str
    branch: int = 0
    forecast: Forecast = Forecast.HOLD
    weights: tuple[tuple[int, Weights], ...] = ()
    steps: int | None = None
    scheduler: str | None = None
    guided_calls: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """As `accel generate` labels its pictures; the baseline is just `full`."""
        words = [self.plan]
        if self.plan != BASELINE.plan:
            words += [f"k={self.branch}", self.how]
        return " ".join([*words, *self.changes])

    @property
    def changes(self) -> tuple[str, ...]:
        """Where it leaves what all trials have in common, in words."""
        scheduler = [self.scheduler] if self.scheduler is not None else []
        steps = [f"{self.steps} steps"] if self.steps is not None else []
        guided = [f"guided {guided_calls_text(self.guided_calls)}"] if self.guided_calls is not None else []
        return *scheduler, *steps, *guided

    def deep_calls(self, calls: int) -> tuple[int, ...]:
        """The numbers of the deep ones of so many calls."""
        return deep_numbers(parse_deep_calls(self.plan), calls)

    @property
    def how(self) -> str:
        """How features are made, in a word; weights are told apart by their hash."""
        if not self.weights:
            return self.forecast.value
        return f"weights-{sha256(repr(self.weights).encode()).hexdigest()[:6]}"


BASELINE = Trial("full")
# Steps that hold a deep and a shallow call, guided and not.
_REHEARSED = 4


@dataclass(frozen=True, slots=True)
class Settings:
    """What all trials have in common.

    Attributes:
        steps: Denoising steps.
        scheduler: One of the bundle's; None takes its default.
        guidance: Classifier-free guidance.
        batch: Pictures drawn at a time.
        seed: Picture i draws its noise from ``seed + i``.
    """

    steps: int
    scheduler: str | None
    guidance: float
    batch: int
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A trial with its plan, and a short plan that runs each of its graphs."""

    trial: Trial
    plan: Plan
    warm_up: Plan


def parse_trials(plans: str, branches: str, forecasts: str) -> tuple[Trial, ...]:
    """Every plan on every branch with every forecast, each a list by commas.

    >>> [trial.name for trial in parse_trials("every:3,calls:0,4", "1", "hold")]
    ['every:3 k=1 hold', 'calls:0,4 k=1 hold']
    """
    # The commas inside `calls:0,4` are not between plans.
    names = re.split(r",(?=[a-z])", plans)
    cuts, ways = [_branch(part) for part in branches.split(",")], [_forecast(part) for part in forecasts.split(",")]
    return tuple(Trial(*chosen) for chosen in product(names, cuts, ways))


def _branch(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise InputError(f"branches: expected numbers by commas, such as 0,1, got {text!r}")
    return int(text)


def _forecast(text: str) -> Forecast:
    try:
        return Forecast(text)
    except ValueError:
        raise InputError(f"forecasts: expected some of {', '.join(Forecast)} by commas, got {text!r}") from None


def prepare(pipeline: Pipeline, trials: Sequence[Trial], *, settings: Settings) -> tuple[Prepared, ...]:
    """Compile trials, the baseline first and once: trials that reuse nothing, such as `every:1`, are the baseline.

    Raises:
        InputError: The bundle lacks a branch, or a trial or setting cannot be run.
    """
    available = pipeline.bundle.manifest.branches
    for trial in trials:
        if trial.branch not in available:
            raise InputError(
                f"branch {trial.branch} is not in the bundle: expected one of {', '.join(map(str, available))}, "
                f"or export it with `--branches {trial.branch}`"
            )
    baseline = _prepare_one(pipeline, BASELINE, settings=settings)
    others = [_prepare_one(pipeline, trial, settings=settings) for trial in dict.fromkeys(trials)]
    return baseline, *(each for each in others if each.plan != baseline.plan)


def _prepare_one(pipeline: Pipeline, trial: Trial, *, settings: Settings) -> Prepared:
    chosen = plan_of(pipeline, trial, settings=settings)
    rehearsal = _rehearsal(trial, steps=trial.steps or settings.steps, reuses=bool(chosen.branches))
    return Prepared(trial, chosen, plan_of(pipeline, rehearsal, settings=settings))


def _rehearsal(trial: Trial, *, steps: int, reuses: bool) -> Trial:
    """A short trial of the same graphs; where only some calls are guided, with each graph guided and not.

    Backends such as OpenVINO compile a graph anew for unguided calls, which are half as large.
    """
    if trial.guided_calls is None:
        return replace(trial, plan="calls:0" if reuses else "full", weights=(), steps=min(steps, 2))
    if steps <= _REHEARSED:
        return trial
    plan = f"calls:0,{_REHEARSED - 1}" if reuses else "full"
    return replace(trial, plan=plan, weights=(), steps=_REHEARSED, guided_calls=(0, 1))


def plan_of(pipeline: Pipeline, trial: Trial, *, settings: Settings) -> Plan:
    """What the loop runs for a trial.

    Raises:
        InputError: The bundle lacks the schedule, or the trial cannot be run on it.
    """
    schedule = pipeline.schedule(trial.steps or settings.steps, trial.scheduler or settings.scheduler)
    spec = PlanSpec(
        deep=parse_deep_calls(trial.plan),
        branch=trial.branch,
        forecast=trial.forecast,
        weights=dict(trial.weights),
        guided_calls=trial.guided_calls,
    )
    return compile_plan(spec, schedule, guidance=settings.guidance)


def plan_facts(trial: Trial, plan: Plan) -> PlanFacts:
    """What a record keeps of a trial's plan."""
    reuses = bool(plan.branches)
    return PlanFacts(
        name=trial.name,
        plan=trial.plan,
        branch=trial.branch if reuses else None,
        forecast=trial.forecast.value if reuses else None,
        calls=len(plan.calls),
        deep_calls=plan.deep_calls,
        weights=dict(trial.weights),
        steps=trial.steps,
        scheduler=trial.scheduler,
        guided_calls=trial.guided_calls,
    )


def trial_of(facts: PlanFacts) -> Trial:
    """The trial that a record tells of."""
    return Trial(
        facts.plan,
        facts.branch or 0,
        Forecast(facts.forecast or Forecast.HOLD),
        weights=tuple(facts.weights.items()),
        steps=facts.steps,
        scheduler=facts.scheduler,
        guided_calls=facts.guided_calls,
    )


def split(captions: Sequence[str], settings: Settings) -> tuple[Request, ...]:
    """Cut captions into batches of one size: a smaller last one would be another measurement.

    Raises:
        InputError: They do not divide.
    """
    size = settings.batch
    if size < 1:
        raise InputError(f"batch: expected 1 or more prompts at a time, got {size}")
    if not captions or len(captions) % size:
        raise InputError(f"prompts: expected a multiple of the batch, {size}, got {len(captions)}: change one of them")
    return tuple(
        Request(prompts=tuple(captions[start : start + size]), seed=settings.seed + start)
        for start in range(0, len(captions), size)
    )
