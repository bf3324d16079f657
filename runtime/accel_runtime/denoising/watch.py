"""What a plan with a rule watches while the loop runs, and decides of the next call."""

import numpy as np
from msgspec.structs import replace

from accel_runtime.backends.base import Array
from accel_runtime.plans.forecast import forecast_weights
from accel_runtime.plans.plan import Call, Deep, Plan

# Keeps shares of nothing finite.
_TINY = np.float32(1e-30)


class Watch:
    """Says which call runs next, from what was seen so far; without a rule it is the plan's.

    Args:
        plan: What runs where nothing passes the threshold, and the rule.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._deep: list[int] = []
        self._moved = 0.0
        self._noise: Array | None = None
        self._latents: list[Array] = []

    def call(self, index: int) -> Call:
        """The call to run at ``index``; asked once for each, in order."""
        planned, rule = self._plan.calls[index], self._plan.rule
        if rule is None:
            return planned
        if isinstance(planned, Deep) or self._fires(index):
            self._deep.append(index)
            self._moved = 0.0
            return Deep(guidance=planned.guidance, tome=planned.tome)
        weights = forecast_weights(self._plan.forecast, index, deep_calls=self._deep)
        return replace(planned, forecast=weights)

    def saw(self, noise: Array, latents: Array) -> None:
        """Take what a call made: the guided noise and the latents after it, [B, C, h, w] each."""
        rule = self._plan.rule
        if rule is not None:
            self._moved += self._noise_moved(noise) if rule.signal == "noise" else self._latents_turned(latents)

    def _fires(self, index: int) -> bool:
        rule = self._plan.rule
        reserved = sum(isinstance(call, Deep) for call in self._plan.calls[index:])
        return rule is not None and self._moved > rule.threshold and len(self._deep) + reserved < rule.most_deep

    def _noise_moved(self, noise: Array) -> float:
        before, self._noise = self._noise, noise.copy()
        return 0.0 if before is None else _share(noise - before, before)

    def _latents_turned(self, latents: Array) -> float:
        self._latents = [*self._latents[-2:], latents]
        if len(self._latents) < 3:  # a second difference takes three
            return 0.0
        oldest, middle, newest = self._latents
        return _share(newest - 2 * middle + oldest, newest - middle)


def _share(change: Array, whole: Array) -> float:
    """The size of ``change`` as a share of that of ``whole``, as the mean over images: a batch decides as one."""
    axes = tuple(range(1, change.ndim))
    shares = np.abs(change).mean(axis=axes) / np.maximum(np.abs(whole).mean(axis=axes), _TINY)
    return float(shares.mean())
