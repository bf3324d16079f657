"""Where a plan is used otherwise than it was solved for. It can be run, but its quality was not measured there."""

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from accel_runtime.plans.solved import SolvedFor
from accel_runtime.plans.spec import PlanSpec

# How far the scale of guidance may be above and below the one that a plan was solved for. Measured in
# docs/search-plans.md: plans hold at weaker guidance, and lose 1 to 6 dB with 1 more.
GUIDANCE_ABOVE: Final = 0.5
GUIDANCE_BELOW: Final = 4.0
# At this scale and below it no call is guided.
_UNGUIDED: Final = 1.0

DoubtKind = Literal["other-model", "other-guidance", "other-size"]


class PlanDoubt(msgspec.Struct, frozen=True):
    """One way in which a plan is used otherwise than it was solved for.

    Attributes:
        kind: What is different.
        text: What the plan was solved for, and what it is used with.
        advice: What to do about it.
    """

    kind: DoubtKind
    text: str
    advice: str

    def __str__(self) -> str:
        """One line for a terminal."""
        return f"{self.text}: {self.advice}"


def plan_doubts(
    spec: PlanSpec, *, model: str | None, guidance: float, height: int, width: int
) -> tuple[PlanDoubt, ...]:
    """The doubts about a plan under the conditions that it is used in; none where it was solved for nothing.

    Another scheduler, other steps and a start from an image are no doubts: `compile_plan` refuses solved rows there.

    Args:
        spec: The plan.
        model: The model's hash, `manifest.provenance.model`; None where the bundle does not tell it.
        guidance: Scale of classifier-free guidance.
        height: Height of the images in pixels.
        width: Width of the images in pixels.
    """
    if spec.solved_for is None:
        return ()
    solved = spec.solved_for
    return (*_of_model(solved, model), *_of_guidance(solved, guidance), *_of_size(solved, height, width))


def _of_model(solved: SolvedFor, model: str | None) -> Iterator[PlanDoubt]:
    if model is None:
        text = "the bundle does not tell which model it holds, and the plan was solved for one"
        yield PlanDoubt("other-model", text, "export the bundle again")
    elif model != solved.model:
        text = f"the plan was solved for model {solved.model[:12]}…, and this is {model[:12]}…"
        yield PlanDoubt("other-model", text, "solve a plan for this model")


def _of_guidance(solved: SolvedFor, guidance: float) -> Iterator[PlanDoubt]:
    above = max(guidance, _UNGUIDED) - max(solved.guidance, _UNGUIDED)
    if not -GUIDANCE_BELOW <= above <= GUIDANCE_ABOVE:
        text = f"the plan was solved for guidance {solved.guidance:g}, and is used with {guidance:g}"
        yield PlanDoubt("other-guidance", text, "solve a plan for this guidance")


def _of_size(solved: SolvedFor, height: int, width: int) -> Iterator[PlanDoubt]:
    if (height, width) != (solved.height, solved.width):
        text = f"the plan was solved for {solved.width}×{solved.height} pixels, and is used for {width}×{height}"
        yield PlanDoubt("other-size", text, "solve a plan for this size")
