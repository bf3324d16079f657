"""A plan by short data: what a profile keeps, and what a solved plan is written as.

    {"deep": [0, 5, 10], "branch": 0, "forecast": "linear"}
    {"deep": [0, 2], "branch": [0, 1], "forecast": [[1.0], [1.5, -0.5]]}

It fits one number of UNet calls; scheduler, steps and guidance belong to whoever keeps it.
"""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from accel_runtime.errors import InputError
from accel_runtime.forecast import Forecast, forecast_weights
from accel_runtime.plan import Deep, Plan, Shallow, guidance_of_calls
from accel_runtime.schedule import ScheduleTable

Item = TypeVar("Item")


class PlanSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Deep calls, and how the shallow ones between them run.

    Attributes:
        deep: Numbers of the deep calls, counted from 0.
        branch: Where shallow calls cut the UNet: one for all, or one for each, in order.
        forecast: How features are made: a built-in way, or the weights of each shallow call, in order; newest feature
            first.
    """

    deep: tuple[int, ...]
    branch: int | tuple[int, ...] = 0
    forecast: Forecast | tuple[tuple[float, ...], ...] = Forecast.HOLD

    def plan(
        self, schedule: ScheduleTable, *, guidance: float | Sequence[float] = 7.5, guidance_rescale: float = 0.0
    ) -> Plan:
        """The plan on a schedule.

        Args:
            schedule: The compiled schedule.
            guidance: One scale for all calls, or one per call.
            guidance_rescale: See `Plan`.

        Raises:
            InputError: It does not fit the schedule, or cannot be run.
        """
        total = len(schedule.rows)
        if outside := [call for call in self.deep if not 0 <= call < total]:
            raise InputError(f"plan: deep call {outside[0]} is outside 0…{total - 1}")
        shallow = [call for call in range(total) if call not in self.deep]
        branches = dict(zip(shallow, self._branches(len(shallow)), strict=True))
        weights = dict(zip(shallow, self._weights(shallow), strict=True))
        scales = guidance_of_calls(guidance, total)
        calls = tuple(
            Shallow(guidance=scale, branch=branches[call], forecast=weights[call])
            if call in branches
            else Deep(guidance=scale)
            for call, scale in enumerate(scales)
        )
        return Plan(schedule=schedule, calls=calls, guidance_rescale=guidance_rescale)

    def _branches(self, shallow: int) -> tuple[int, ...]:
        branches = (self.branch,) * shallow if isinstance(self.branch, int) else self.branch
        return _one_each(branches, shallow, what="branches")

    def _weights(self, shallow: Sequence[int]) -> tuple[tuple[float, ...], ...]:
        if isinstance(self.forecast, Forecast):
            deep = sorted(set(self.deep))
            return tuple(forecast_weights(self.forecast, call, deep_calls=deep) for call in shallow)
        return _one_each(self.forecast, len(shallow), what="forecast weights")


def _one_each(given: tuple[Item, ...], shallow: int, *, what: str) -> tuple[Item, ...]:
    if len(given) != shallow:
        raise InputError(f"plan: expected {what} for each of {shallow} shallow calls, got {len(given)}")
    return given
