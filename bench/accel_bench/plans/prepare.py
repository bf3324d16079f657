"""Plans that are measured beside each other: compiled for one pipeline, each with a short plan to warm up."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from accel_bench.plans.names import plan_name
from accel_bench.records.parts import PlanFacts
from accel_runtime.bundle.passes import check_plan
from accel_runtime.errors import InputError
from accel_runtime.pipeline import Pipeline
from accel_runtime.plans.compile import resolve_plan
from accel_runtime.plans.deep_calls import FULL, DeepCalls
from accel_runtime.plans.plan import Plan
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.request import Request

BASELINE = PlanSpec(deep=FULL)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a run, for plans that have none of their own.

    Attributes:
        steps: Denoising steps.
        scheduler: A scheduler of the bundle; None takes the bundle's default.
        guidance: Scale of classifier-free guidance.
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
    """A plan with what the loop runs for it, and a short plan that runs each of its graphs."""

    spec: PlanSpec
    plan: Plan
    warm_up: Plan

    @property
    def name(self) -> str:
        """The name of the plan in records."""
        return plan_name(self.spec)

    @property
    def facts(self) -> PlanFacts:
        """The facts of the plan that records keep."""
        return PlanFacts.of(self.spec, self.plan, name=self.name)


def prepare(pipeline: Pipeline, specs: Sequence[PlanSpec], *, settings: Settings) -> tuple[Prepared, ...]:
    """Compile plans, the baseline first and once: plans that reuse nothing, such as `every:1`, are the baseline.

    Raises:
        InputError: The bundle lacks a branch, or a plan or setting cannot be run.
    """
    for spec in specs:
        check_plan(pipeline.bundle.manifest, spec)
    baseline = _prepare_one(pipeline, BASELINE, settings=settings)
    others = [_prepare_one(pipeline, spec, settings=settings) for spec in dict.fromkeys(specs)]
    return baseline, *(each for each in others if each.plan != baseline.plan)


def compile_for(pipeline: Pipeline, spec: PlanSpec, *, settings: Settings) -> Plan:
    """Compile a plan with the settings of a run.

    Raises:
        InputError: The bundle lacks the schedule, or the plan cannot be run on it.
    """
    filled = spec.with_defaults(steps=settings.steps, scheduler=settings.scheduler)
    return pipeline.compile(filled, guidance=settings.guidance)


def resolve_for(pipeline: Pipeline, spec: PlanSpec, *, settings: Settings) -> PlanSpec:
    """The plan with all that the settings of a run and the schedule decide written out.

    Raises:
        InputError: The bundle lacks the schedule, or the plan does not fit it.
    """
    filled = spec.with_defaults(steps=settings.steps, scheduler=settings.scheduler)
    return resolve_plan(filled, pipeline.schedule(filled.steps or settings.steps, filled.scheduler))


def _prepare_one(pipeline: Pipeline, spec: PlanSpec, *, settings: Settings) -> Prepared:
    chosen = compile_for(pipeline, spec, settings=settings)
    short = _warm_up(spec, steps=spec.steps or settings.steps, branches=chosen.branches)
    return Prepared(spec, chosen, compile_for(pipeline, short, settings=settings))


def _warm_up(spec: PlanSpec, *, steps: int, branches: Sequence[int]) -> PlanSpec:
    """A short plan of the same graphs; where only some calls are guided, with each graph guided and not.

    Backends such as OpenVINO compile a graph anew for unguided calls, which are half as large. A plan whose calls merge
    different shares of the tokens, or are gated, warms up itself.
    """
    cuts = dict(enumerate(branches, start=1))
    if spec.tgate or (spec.tome and spec.tome.calls):
        return spec
    if spec.guided_calls is None:
        return _short(spec, (0,) if cuts else FULL, steps=min(steps, max(2, 1 + len(cuts))), cuts=cuts)
    # A deep call and one of each branch guided, then one of each branch and a deep call unguided.
    needed, last = 2 * max(1, len(cuts)) + 2, max(1, len(cuts))
    if steps <= needed:
        return spec
    cuts |= {last + call: branch for call, branch in cuts.items()}
    short = _short(spec, (0, needed - 1) if cuts else FULL, steps=needed, cuts=cuts)
    return msgspec.structs.replace(short, guided_calls=(0, last))


def _short(spec: PlanSpec, deep: DeepCalls, *, steps: int, cuts: dict[int, int]) -> PlanSpec:
    branch = cuts.get(1, spec.branch)
    others = {call: cut for call, cut in cuts.items() if cut != branch and call < steps}
    return PlanSpec(
        deep=deep,
        branch=branch,
        branches=others,
        forecast=spec.forecast,
        guided_calls=spec.guided_calls,
        scheduler=spec.scheduler,
        steps=steps,
        tome=spec.tome,
    )


def split(captions: Sequence[str], settings: Settings) -> tuple[Request, ...]:
    """Cut captions into batches of one size: a smaller last one would be another measurement.

    Raises:
        InputError: The batch does not divide the captions.
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
