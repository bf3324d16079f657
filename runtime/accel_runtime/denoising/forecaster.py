"""Weighted sums of past deep features, in numpy and on the device."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from accel_runtime.backends.base import Array, Backend, BoundCall, Buffer, Session
from accel_runtime.plans.forecast import MAX_HISTORY

Weights = tuple[float, ...]


class Forecaster(Protocol):
    """Makes the feature of a shallow call."""

    def combine(self, past: Sequence[Buffer], weights: Weights, *, target: Buffer) -> None:
        """Σ weight · feature, newest first, into ``target``."""
        ...


class HostForecaster:
    """In numpy."""

    def __init__(self) -> None:
        self._scratch: dict[tuple[int, ...], tuple[Array, Array]] = {}

    def combine(self, past: Sequence[Buffer], weights: Weights, *, target: Buffer) -> None:
        """See `Forecaster.combine`."""
        shape = target.shape
        if shape not in self._scratch:
            self._scratch[shape] = (np.empty(shape, np.float32), np.empty(shape, np.float32))
        total, product = self._scratch[shape]
        for age, (weight, buffer) in enumerate(zip(weights, past, strict=True)):
            np.multiply(buffer.read(), np.float32(weight), out=product if age else total)
            if age:
                np.add(total, product, out=total)
        target.write(total)


class DeviceForecaster:
    """By graphs on the device; which weights a call has is bound, not copied.

    Args:
        backend: Allocates.
        sessions: `forecast_2` and `forecast_3`, by their number of features.
        weights: All that will be asked for.
    """

    def __init__(self, backend: Backend, sessions: Mapping[int, Session], weights: Sequence[Weights]) -> None:
        self._sessions = sessions
        self._which: dict[Weights, Buffer] = {}
        table = np.zeros((max(len(weights), 1), MAX_HISTORY), np.float32)
        for at, each in enumerate(weights):
            table[at, : len(each)] = each
            self._which[each] = backend.allocate((1,), "int32")
            self._which[each].write(np.array([at]))
        self._table = backend.allocate(table.shape)
        self._table.write(table)
        self._bound: dict[tuple[object, ...], BoundCall] = {}

    def combine(self, past: Sequence[Buffer], weights: Weights, *, target: Buffer) -> None:
        """See `Forecaster.combine`."""
        key = (weights, target, *past)
        if key not in self._bound:
            # One feature alone goes in twice: its second weight is 0.
            past = [*past, *past] if len(past) == 1 else past
            features = {f"feature_{age}": buffer for age, buffer in enumerate(past)}
            inputs = {**features, "weights": self._table, "which": self._which[weights]}
            self._bound[key] = self._sessions[len(past)].bind(inputs, {"feature": target})
        self._bound[key].run()
