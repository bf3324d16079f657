"""Trials: the plans that an evaluation compares, from what the user writes to what the loop runs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from accel_bench.records.parts import PlanFacts
from accel_runtime.errors import InputError
from accel_runtime.forecast import Forecast
from accel_runtime.pipeline import Pipeline
from accel_runtime.plan import Plan
from accel_runtime.request import Request


@dataclass(frozen=True, slots=True)
class Trial:
    """A plan to be judged, by short names; see `Pipeline.plan`."""

    plan: str
    branch: int = 0
    forecast: Forecast = Forecast.HOLD

    @property
    def name(self) -> str:
        """As `accel generate` labels its pictures; the baseline is just `full`."""
        return self.plan if self == BASELINE else f"{self.plan} k={self.branch} {self.forecast}"


BASELINE = Trial("full")


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
    if not re.fullmatch(r"[0-9]+", text):
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
    def plan(steps: int, deep: str) -> Plan:
        return pipeline.plan(
            steps,
            deep,
            scheduler=settings.scheduler,
            branch=trial.branch,
            forecast=trial.forecast,
            guidance=settings.guidance,
        )

    chosen = plan(settings.steps, trial.plan)
    return Prepared(trial, chosen, plan(min(settings.steps, 2), "calls:0" if chosen.branches else "full"))


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
