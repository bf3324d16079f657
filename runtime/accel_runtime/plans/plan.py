"""The compiled plan: everything the denoising loop needs besides weights, prompt and noise, as immutable data.

It says which calls run the deep pass, what feature each shallow call is given, and the guidance and the row of the
compiled schedule of each call. `accel_runtime.plans.compile` makes it of a `PlanSpec`, which is what files hold.
See docs/design/0002-plan.md.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, Self

import msgspec

from accel_runtime.errors import InputError
from accel_runtime.manifest import Gate
from accel_runtime.plans.forecast import MAX_HISTORY, Forecast
from accel_runtime.plans.rule import Rule
from accel_runtime.schedules.schedule import ScheduleTable

# The largest number that float32 holds.
MOST_GUIDANCE: Final = 3.4e38


class Deep(msgspec.Struct, frozen=True, tag="deep", tag_field="pass"):
    """A call of the whole UNet.

    Attributes:
        guidance: Scale of classifier-free guidance.
        tome: Share of the tokens that it merges; 0 merges none.
        gate: Whether its cross-attentions run, and what they give is kept for gated calls.
    """

    guidance: float
    tome: float = 0.0
    gate: Gate = "open"

    @property
    def guided(self) -> bool:
        """Whether the UNet also runs without the prompt; diffusers skips that at guidance ≤ 1."""
        return self.guidance > 1.0


class Shallow(msgspec.Struct, frozen=True, tag="shallow", tag_field="pass"):
    """A call of the outermost blocks on a feature made from past deep ones.

    Attributes:
        guidance: Scale of classifier-free guidance.
        branch: Where the UNet is cut.
        forecast: Weights of the last deep features, newest first; `(1.0,)` holds the last one.
        tome: As in `Deep`.
        gate: As in `Deep`; a shallow call keeps nothing.
    """

    guidance: float
    branch: int
    forecast: tuple[float, ...]
    tome: float = 0.0
    gate: Gate = "open"

    @property
    def guided(self) -> bool:
        """As in `Deep`."""
        return self.guidance > 1.0


Call = Deep | Shallow


class Pass(NamedTuple):
    """What a call runs.

    Attributes:
        branch: Branch of a shallow pass; None is the deep one.
        tome: Share of the tokens that it merges.
        gate: As in `Deep`.
    """

    branch: int | None = None
    tome: float = 0.0
    gate: Gate = "open"

    @classmethod
    def of(cls, call: Call) -> Self:
        """The pass of a call."""
        return cls(call.branch if isinstance(call, Shallow) else None, call.tome, call.gate)


class Plan(msgspec.Struct, frozen=True):
    """One entry of `calls` for each row of the schedule.

    Attributes:
        schedule: The compiled schedule.
        calls: The pass to run at each of its rows.
        guidance_rescale: How far the deviation of a guided image is brought back to that of the prompt alone, 0 to 1,
            as in diffusers (arXiv:2305.08891, section 3.4).
        guidance_input: Guidance scale that the denoiser takes as an input; no call is guided then. None where it takes
            none.
        rule: Makes calls deep as the loop runs; the others are as `calls` says. None where `calls` says all.
        forecast: How the features of shallow calls are made beside a rule: which deep calls they have is not known
            before.

    Raises:
        InputError: The calls cannot be run as given.
    """

    schedule: ScheduleTable
    calls: tuple[Call, ...]
    guidance_rescale: float = 0.0
    guidance_input: float | None = None
    rule: Rule | None = None
    forecast: Forecast = Forecast.HOLD

    def __post_init__(self) -> None:
        if not 0 <= self.guidance_rescale <= 1:
            raise InputError(f"plan: guidance rescale: expected 0 to 1, got {self.guidance_rescale}")
        if len(self.calls) != len(self.schedule.rows):
            raise InputError(f"plan: {len(self.schedule.rows)} calls in the schedule, but {len(self.calls)} planned")
        if self.guidance_input is not None and not abs(self.guidance_input) <= MOST_GUIDANCE:
            raise InputError(f"plan: guidance: expected a finite number, got {self.guidance_input}")
        past: list[Deep] = []
        for index, call in enumerate(self.calls):
            if not abs(call.guidance) <= MOST_GUIDANCE:
                raise InputError(
                    f"plan: call {index}: guidance must be a finite number, at most {MOST_GUIDANCE:g} to either side, "
                    f"got {call.guidance}"
                )
            if call.gate != "open":
                _check_gate(index, call, before=self.calls[:index])
            if isinstance(call, Deep):
                past.append(call)
            else:
                self._check_shallow(index, call, past=past)

    def _check_shallow(self, index: int, call: Shallow, *, past: Sequence[Deep]) -> None:
        used = len(call.forecast)
        if not past:
            raise InputError(f"plan: call {index} has no feature to reuse: the first call must be deep")
        if used > len(past):
            raise InputError(f"plan: call {index} weighs {used} deep features, but only {len(past)} come before it")
        if not 1 <= used <= MAX_HISTORY:
            raise InputError(f"plan: call {index}: expected 1 to {MAX_HISTORY} forecast weights, got {used}")
        if not self.schedule.rows[index].shallow_ok:
            raise InputError(f"plan: call {index} of {self.schedule.scheduler} must be deep")
        if call.guided and not all(deep.guided for deep in past[-used:]):
            raise InputError(f"plan: call {index} is guided, but the deep call it reuses was not")

    @property
    def deep_calls(self) -> tuple[int, ...]:
        """The numbers of the calls that are deep in any case, counted from 0."""
        return tuple(index for index, call in enumerate(self.calls) if isinstance(call, Deep))

    @property
    def branches(self) -> tuple[int, ...]:
        """The branches that some shallow call uses, ascending."""
        return tuple(sorted({call.branch for call in self.calls if isinstance(call, Shallow)}))

    @property
    def passes(self) -> frozenset[Pass]:
        """All that may run; with a rule, a shallow call may become deep."""
        planned = {Pass.of(call) for call in self.calls}
        return frozenset(planned if self.rule is None else planned | {Pass(tome=each.tome) for each in planned})

    @property
    def keeps(self) -> bool:
        """Whether a call keeps what its cross-attentions give."""
        return any(call.gate == "keeps" for call in self.calls)

    @property
    def guidance(self) -> float:
        """Guidance scale of the first call, or the one that the denoiser takes as an input."""
        return self.calls[0].guidance if self.guidance_input is None else self.guidance_input

    @property
    def guided(self) -> bool:
        """Whether any call is guided, so that negative prompts matter."""
        return any(call.guided for call in self.calls)

    @property
    def history(self) -> int:
        """How many deep features the loop must keep: at least 1, at most `MAX_HISTORY`."""
        planned = max((len(call.forecast) for call in self.calls if isinstance(call, Shallow)), default=1)
        return planned if self.rule is None else max(planned, self.forecast.history)

    @property
    def most_deep(self) -> int:
        """How many deep calls an image may take."""
        planned = len(self.deep_calls)
        return planned if self.rule is None else max(planned, min(self.rule.most_deep, len(self.calls)))


def _check_gate(index: int, call: Call, *, before: Sequence[Call]) -> None:
    """Whether a keeping call is deep, and a gated one is unguided and comes behind a keeping one."""
    if call.gate == "keeps" and isinstance(call, Shallow):
        raise InputError(f"plan: call {index} keeps what its cross-attentions give, so it must be deep")
    if call.gate == "gated" and call.guided:
        raise InputError(f"plan: call {index} is gated, so it cannot be guided")
    if call.gate == "gated" and all(each.gate != "keeps" for each in before):
        raise InputError(f"plan: call {index} is gated, but no call before it keeps what cross-attentions give")
