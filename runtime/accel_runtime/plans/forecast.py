"""The feature that a shallow pass is given: a weighted sum of the last few deep features.

`hold` repeats the last one, which is DeepCache (arXiv:2312.00858). `linear` and `quadratic`
extrapolate the feature as a polynomial in the call number, which is TaylorSeer's idea
(arXiv:2503.06923) with finite differences, made data.
"""

from collections.abc import Sequence
from enum import StrEnum

from accel_runtime.errors import InputError

MAX_HISTORY = 3


class Forecast(StrEnum):
    """The built-in forecasts; each uses one deep feature more than the one before."""

    HOLD = "hold"
    LINEAR = "linear"
    QUADRATIC = "quadratic"

    @property
    def history(self) -> int:
        """How many deep features it combines; fewer are used until there are so many."""
        return list(Forecast).index(self) + 1


def parse_forecast(text: str) -> Forecast:
    """The forecast of that name.

    Raises:
        InputError: There is none.
    """
    try:
        return Forecast(text)
    except ValueError:
        raise InputError(f"forecast: expected one of {', '.join(Forecast)}, got {text!r}") from None


def forecast_weights(forecast: Forecast, call: int, *, deep_calls: Sequence[int]) -> tuple[float, ...]:
    """The weights of the last deep features at a shallow call, newest first.

    Args:
        forecast: How to extrapolate; with fewer deep features, by the lower order.
        call: The shallow call, counted from 0.
        deep_calls: The deep calls of the plan, ascending; later ones than ``call`` are ignored.

    These are Lagrange's basis polynomials through the deep calls, evaluated at ``call``.

    >>> forecast_weights(Forecast.LINEAR, 7, deep_calls=(0, 3, 6))
    (1.3333333333333333, -0.3333333333333333)
    """
    nodes = [deep for deep in reversed(deep_calls) if deep < call][: forecast.history]
    return tuple(_lagrange(node, nodes, at=call) for node in nodes)


def _lagrange(node: int, nodes: Sequence[int], *, at: int) -> float:
    weight = 1.0
    for other in nodes:
        if other != node:
            weight *= (at - other) / (node - other)
    return weight
