"""A plan: everything the denoising loop needs beside weights, prompt and noise, as immutable data.

Which calls run the deep pass, what feature each shallow call is given, the guidance and the compiled
schedule of each call. It prints, hashes and serialises, and a C++ loop reads the same JSON.
See docs/design/0002-plan.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from accel_runtime.errors import InputError
from accel_runtime.forecast import MAX_HISTORY, Forecast, forecast_weights
from accel_runtime.schedule import ScheduleTable

# What float32 holds.
MOST_GUIDANCE: Final = 3.4e38


class Deep(msgspec.Struct, frozen=True, tag="deep", tag_field="pass"):
    """A call of the whole UNet."""

    guidance: float

    @property
    def guided(self) -> bool:
        """Whether the UNet also runs without the prompt; diffusers skips that at guidance ≤ 1."""
        return self.guidance > 1.0


class Shallow(msgspec.Struct, frozen=True, tag="shallow", tag_field="pass"):
    """A call of the outermost blocks on a feature made from past deep ones.

    Attributes:
        guidance: Scale of classifier-free guidance.
        branch: Which cut of the UNet.
        forecast: Weights of the last deep features, newest first; `(1.0,)` holds the last one.
    """

    guidance: float
    branch: int
    forecast: tuple[float, ...]

    @property
    def guided(self) -> bool:
        """As in `Deep`."""
        return self.guidance > 1.0


Call = Deep | Shallow


class Plan(msgspec.Struct, frozen=True):
    """One entry of `calls` for each row of the schedule.

    Attributes:
        schedule: The compiled schedule.
        calls: What to run at each of its rows.
        guidance_rescale: As in diffusers: how far a guided image's deviation is brought back to that of the prompt
            alone (arXiv:2305.08891, section 3.4); 0 leaves it.

    Raises:
        InputError: The calls cannot be run as given.
    """

    schedule: ScheduleTable
    calls: tuple[Call, ...]
    guidance_rescale: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.guidance_rescale <= 1:
            raise InputError(f"plan: guidance rescale: expected 0 to 1, got {self.guidance_rescale}")
        if len(self.calls) != len(self.schedule.rows):
            raise InputError(f"plan: {len(self.schedule.rows)} calls in the schedule, but {len(self.calls)} planned")
        past: list[Deep] = []
        for index, call in enumerate(self.calls):
            if not abs(call.guidance) <= MOST_GUIDANCE:
                raise InputError(
                    f"plan: call {index}: guidance must be a finite number, at most {MOST_GUIDANCE:g} to either side, "
                    f"got {call.guidance}"
                )
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
        """The numbers of the deep calls, counted from 0."""
        return tuple(index for index, call in enumerate(self.calls) if isinstance(call, Deep))

    @property
    def branches(self) -> tuple[int, ...]:
        """The branches that some shallow call uses, ascending."""
        return tuple(sorted({call.branch for call in self.calls if isinstance(call, Shallow)}))

    @property
    def guided(self) -> bool:
        """Whether any call is guided, so that negative prompts matter."""
        return any(call.guided for call in self.calls)

    @property
    def history(self) -> int:
        """How many deep features the loop must keep: at least 1, at most `MAX_HISTORY`."""
        return max((len(call.forecast) for call in self.calls if isinstance(call, Shallow)), default=1)


def make_plan(
    schedule: ScheduleTable,
    deep_calls: Iterable[int],
    *,
    branch: int = 0,
    forecast: Forecast = Forecast.HOLD,
    weights: Mapping[int, tuple[float, ...]] | None = None,
    guidance: float | Sequence[float] = 7.5,
    guidance_rescale: float = 0.0,
) -> Plan:
    """A plan that is deep at ``deep_calls`` and shallow on one branch everywhere else.

    Args:
        schedule: The compiled schedule.
        deep_calls: Numbers of the deep calls, counted from 0.
        branch: Where the shallow calls cut the UNet.
        forecast: How the feature of a shallow call is made.
        weights: By shallow call, weights in place of ``forecast``'s.
        guidance: One scale for all calls, or one per call; see `guidance_window`.
        guidance_rescale: See `Plan`.

    Raises:
        InputError: A call that is named is not in the schedule, or not shallow; or the plan cannot be run.
    """
    total = len(schedule.rows)
    deep = sorted(set(deep_calls))
    scales = guidance_of_calls(guidance, total)
    if outside := [call for call in deep if not 0 <= call < total]:
        raise InputError(f"plan: deep call {outside[0]} is outside 0…{total - 1}")
    given = weights or {}
    shallow = {k: forecast_weights(forecast, k, deep_calls=deep) for k in range(total) if k not in deep}
    if other := [call for call in given if call not in shallow]:
        raise InputError(f"plan: forecast weights of call {other[0]}, which is not a shallow one")
    made = {**shallow, **given}
    return Plan(
        schedule=schedule,
        calls=tuple(
            Shallow(guidance=scales[k], branch=branch, forecast=made[k]) if k in made else Deep(guidance=scales[k])
            for k in range(total)
        ),
        guidance_rescale=guidance_rescale,
    )


def guidance_of_calls(guidance: float | Sequence[float], calls: int) -> tuple[float, ...]:
    """One scale for each call.

    Raises:
        InputError: There are not as many as ``calls``.
    """
    scales = (guidance,) * calls if isinstance(guidance, (int, float)) else tuple(guidance)
    if len(scales) != calls:
        raise InputError(f"plan: expected one guidance per call, {calls}, got {len(scales)}")
    return tuple(float(scale) for scale in scales)


def guidance_window(scale: float, first: int, *, last: int, calls: int) -> tuple[float, ...]:
    """Guidance for calls ``first`` to ``last`` alone; the others run without negative prompt, at half the cost.

    Raises:
        InputError: There are no such calls.

    >>> guidance_window(3.0, 0, last=1, calls=4)
    (3.0, 3.0, 1.0, 1.0)
    """
    if not 0 <= first <= last < calls:
        raise InputError(f"guided calls: expected first and last of 0 to {calls - 1}, got {first} to {last}")
    return tuple(scale if first <= call <= last else 1.0 for call in range(calls))


def parse_deep_calls(text: str, calls: int) -> tuple[int, ...]:
    """The deep calls that a short name stands for.

    Args:
        text: ``full``, ``every:N`` (DeepCache's 1:N rule), or ``calls:0,3,7``.
        calls: How many UNet calls the schedule has; PNDM and Heun have more calls than steps.

    >>> parse_deep_calls("every:3", 7)
    (0, 3, 6)
    """
    kind, _, value = text.partition(":")
    try:
        if text == "full":
            return tuple(range(calls))
        if kind == "every" and int(value) >= 1:
            return tuple(range(0, calls, int(value)))
        if kind == "calls":
            return tuple(int(part) for part in value.split(","))
    except ValueError:
        pass
    raise InputError(f"plan {text!r}: expected full, every:N with N ≥ 1, or calls:0,3,7")
