"""Which plan a request runs: the one that it names, the service's own, or, under load, a cheaper one."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from accel_runtime.errors import AccelError, InputError
from accel_runtime.manifest import PLAN_RULES
from accel_runtime.pipeline import Pipeline
from accel_runtime.plans.deep_calls import DEEP_CALLS_EXPECTED, FULL
from accel_runtime.plans.plan import Plan
from accel_runtime.plans.rule import RULE_EXPECTED, parse_calls
from accel_runtime.plans.spec import PlanSpec
from accel_serve.engine.prepare import check_served
from accel_serve.http.errors import RefusedError
from accel_serve.http.fields import Generation

# As `accel generate` has them.
_STEPS: Final = 20
_COMPILED_KEPT: Final = 128


@dataclass(frozen=True, slots=True)
class Chosen:
    """A plan for a request.

    Attributes:
        plan: The plan.
        name: What a client would call it.
        lowered: Whether it was taken because there was too much to do.
    """

    plan: Plan
    name: str
    lowered: bool = False


class Plans:
    """The plans of a bundle that is served.

    Args:
        pipeline: The bundle.
        default: What a request runs that names neither plan, steps nor scheduler.
        overload: What such a request runs when there is too much to do; None keeps the default.

    Raises:
        InputError: One of them is no plan.
    """

    def __init__(self, pipeline: Pipeline, *, default: str, overload: str | None = None) -> None:
        self._pipeline = pipeline
        self._compile = lru_cache(_COMPILED_KEPT)(self._compiled)
        self.default, self.overload = default, overload
        for name in (default, *([overload] if overload else [])):
            self._compile(name, _STEPS, None, strength=None, guidance=None)

    @property
    def names(self) -> tuple[str, ...]:
        """The bundle's plans by name."""
        return tuple(sorted(self._pipeline.bundle.manifest.plans))

    def choose(self, fields: Generation, *, strength: float | None, overloaded: bool) -> Chosen:
        """The plan of a request.

        A plan of the bundle has steps and a scheduler of its own. Who names steps or a scheduler, but no plan, gets
        these with every call deep where the service's own plan has others.

        Args:
            fields: The request.
            strength: Of an edit; None starts from noise.
            overloaded: Whether there is too much to do.

        Raises:
            RefusedError: A field says what the bundle or the plan does not have.
        """
        is_open = fields.plan is None and fields.num_inference_steps is None and fields.scheduler is None
        lowered = overloaded and is_open and self.overload is not None
        name = fields.plan or (str(self.overload) if lowered else self.default)
        spec = self.spec(name)
        if not _fits(spec, fields):
            if fields.plan is not None:
                own = f"has {spec.steps} steps of {spec.scheduler}"
                raise RefusedError(f"plan {name}: {own}: leave num_inference_steps and scheduler out", param="plan")
            name = FULL
        steps, guidance = fields.num_inference_steps or _STEPS, fields.guidance_scale
        try:
            plan = self._compile(name, steps, fields.scheduler, strength=strength, guidance=guidance)
        except AccelError as error:
            raise RefusedError(str(error)) from error
        return Chosen(plan, name, lowered=lowered)

    def spec(self, name: str) -> PlanSpec:
        """A plan by its name in the bundle, or by a rule.

        Raises:
            RefusedError: There is none.
        """
        try:
            if name.partition(":")[0] in PLAN_RULES:
                deep, rule = parse_calls(name)
                return PlanSpec(deep=deep, rule=rule)
            return self._pipeline.named_plan(name)
        except InputError as error:
            others = ", ".join(self.names) or "it has none"
            expected = f"{DEEP_CALLS_EXPECTED}, {RULE_EXPECTED}, or a plan of the bundle ({others})"
            message = f"plan: expected {expected}, got {name[:40]!r}"
            raise RefusedError(message, param="plan") from error

    def _compiled(
        self, name: str, steps: int, scheduler: str | None, *, strength: float | None, guidance: float | None
    ) -> Plan:
        """A plan with the steps and the scheduler of a request where it has none of its own."""
        spec = self.spec(name).with_defaults(steps=steps, scheduler=scheduler)
        plan = self._pipeline.compile(spec, strength=strength, guidance=guidance)
        check_served(plan)
        return plan


def _fits(spec: PlanSpec, fields: Generation) -> bool:
    """Whether a request names no other steps and no other scheduler than a plan has."""
    pairs = ((fields.num_inference_steps, spec.steps), (fields.scheduler, spec.scheduler))
    return all(asked is None or own is None or asked == own for asked, own in pairs)
