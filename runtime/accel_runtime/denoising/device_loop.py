"""The denoising loop in a device's memory: the host only says what runs next.

See docs/design/0008-device-loop.md. It gives the latents of `denoising.loop.denoise`, up to the order of sums.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from accel_runtime.backends.base import Array, Backend, BoundCall, Buffer, Session
from accel_runtime.bundle.loop_contract import FORECASTS, KINDS
from accel_runtime.denoising.forecaster import DeviceForecaster
from accel_runtime.denoising.kept import SETTLED_BY
from accel_runtime.denoising.loop import Step, not_finite
from accel_runtime.denoising.noise import TorchGenerator, stacked_normal
from accel_runtime.denoising.passes import Passes
from accel_runtime.denoising.unet import UNet
from accel_runtime.plans.plan import Call, Plan, Shallow
from accel_runtime.schedules.schedule import ScheduleRow

_OF_GUIDANCE = ("guidance", "rescale")


@dataclass(frozen=True, slots=True, eq=False)
class LoopGraphs:
    """The loop's graphs, loaded, by their names in the manifest."""

    sessions: Mapping[str, Session]

    @property
    def advance(self) -> dict[str, Session]:
        """Those that end a call, by kind of call."""
        return {kind: self.sessions[f"advance_{kind}"] for kind in KINDS}

    def forecaster(self, backend: Backend, plan: Plan) -> DeviceForecaster:
        """What makes the features of the plan's shallow calls, and what is kept for gated ones."""
        settled = SETTLED_BY if plan.keeps else ()
        weights = dict.fromkeys([*(call.forecast for call in plan.calls if isinstance(call, Shallow)), *settled])
        sessions = {terms: self.sessions[f"forecast_{terms}"] for terms in FORECASTS}
        return DeviceForecaster(backend, sessions, tuple(weights))


@dataclass(frozen=True, slots=True, eq=False)
class _Turn:
    """What changes with each call, at two addresses that take turns."""

    state: Buffer  # [H, B, C, h, w]: x_k, x_{k-1} …, e_{k-1} …
    call: Buffer  # [1] int32
    bad: Buffer  # [1] int32: the first call whose latents were not finite, or -1

    @classmethod
    def allocate(cls, backend: Backend, state: tuple[int, ...]) -> "_Turn":
        return cls(backend.allocate(state), backend.allocate((1,), "int32"), backend.allocate((1,), "int32"))

    def begin(self, latents: Array) -> None:
        """Before the first call."""
        state = np.zeros(self.state.shape, np.float32)
        state[0] = latents
        self.state.write(state)
        self.call.write(np.array([0]))
        self.bad.write(np.array([-1]))


class DeviceLoop:
    """The loop's buffers and bindings for a plan and a batch; requests run in them one after another.

    Args:
        passes: Runs the plan's calls on this batch.
        plan: The pass to run at each call.
        latent_shape: [B, C, h, w].
        backend: Allocates.
        advance: The graphs `guided`, `unguided` and `plain`.
    """

    def __init__(
        self,
        passes: Passes,
        plan: Plan,
        *,
        latent_shape: tuple[int, ...],
        backend: Backend,
        advance: Mapping[str, Session],
    ) -> None:
        rows = plan.schedule.rows
        history = len(rows[0].a) + len(rows[0].b) - 1
        self._passes = passes
        self._plan = plan
        self._advance = advance
        self._turns = [_Turn.allocate(backend, (history, *latent_shape)) for _ in range(2)]
        self._tables = _upload(_tables(plan, latent_shape), backend)
        self._bound: dict[tuple[str, int], BoundCall] = {}

    def denoise(self, latents: Array, generators: Sequence[TorchGenerator]) -> Iterator[Step]:
        """Run the plan; the caller owns progress, timing, preview and stopping.

        Args:
            latents: x_0, [B, C, h, w].
            generators: One per image; all draws are made before the first call.

        Yields:
            A step after each call. All but the last are read before the next call, or not at all.

        Raises:
            NumericsError: The latents became NaN or infinite; says at which call, once the loop is over.
        """
        plan, rows = self._plan, self._plan.schedule.rows
        self._turns[0].begin(latents)
        self._passes.unet.prepare(latents * np.float32(rows[0].input_scale), rows[0].timestep)
        if draws := [stacked_normal(generators, latents.shape[1:]) for row in rows for _ in range(row.draws)]:
            self._tables["draws"].write(np.stack(draws))
        for index, call in enumerate(plan.calls):
            self._passes.execute(call, index)
            self._step(index, call).run()
            turn = self._turns[1 - index % 2]
            read: Callable[[], Array] = _Reader(turn.state)
            if index == len(plan.calls) - 1:
                if (bad := int(turn.bad.read()[0])) >= 0:
                    raise not_finite(plan, bad, call=plan.calls[bad])
                # The buffers are the next request's from here on.
                read = partial(_same, read())
            yield Step(index, len(plan.calls), rows[index].timestep, call, read)

    def _step(self, index: int, call: Call) -> BoundCall:
        """What ends a call, bound once."""
        kind = "guided" if call.guided else "unguided" if self._plan.guided else "plain"
        key = (kind, index % 2)
        if key not in self._bound:
            now, later = self._turns[index % 2], self._turns[1 - index % 2]
            tables = {name: table for name, table in self._tables.items() if call.guided or name not in _OF_GUIDANCE}
            unet = self._passes.unet
            noise = unet.noise(guided=call.guided)
            self._bound[key] = _bind(self._advance[kind], unet, noise=noise, now=now, later=later, tables=tables)
        return self._bound[key]


def _same(latents: Array) -> Array:
    return latents


@dataclass(frozen=True, slots=True, eq=False)
class _Reader:
    """Copies the latents out of a state."""

    state: Buffer

    def __call__(self) -> Array:
        newest: Array = self.state.rows(0, 1).read()[0].copy()
        return newest


def _bind(
    session: Session, unet: UNet, *, noise: Buffer, now: _Turn, later: _Turn, tables: Mapping[str, Buffer]
) -> BoundCall:
    inputs = {"noise": noise, "state": now.state, "call": now.call, "bad": now.bad, **tables}
    outputs = {
        "next_state": later.state,
        "next_call": later.call,
        "next_bad": later.bad,
        "sample": unet.sample,
        "timestep": unet.timestep,
    }
    return session.bind(inputs, outputs)


def _upload(arrays: Mapping[str, Array], backend: Backend) -> dict[str, Buffer]:
    buffers = {name: backend.allocate(array.shape, array.dtype.name) for name, array in arrays.items()}
    for name, buffer in buffers.items():
        buffer.write(arrays[name])
    return buffers


def _tables(plan: Plan, shape: tuple[int, ...]) -> dict[str, Array]:
    """What the graphs gather from, by call; a number more where the next call's is asked for. Draws come later."""
    rows = plan.schedule.rows
    drawn = np.cumsum([row.draws for row in rows]) - 1
    return {
        "weights": np.array([_matrix(row) for row in rows], np.float32),
        "guidance": np.array([call.guidance for call in plan.calls], np.float32),
        "rescale": np.array([plan.guidance_rescale], np.float32),
        "draw_at": np.maximum(drawn, 0).astype(np.int32),
        "draws": np.zeros((max(int(drawn[-1]) + 1, 1), *shape), np.float32),
        "input_scale": np.array([*(row.input_scale for row in rows), 1.0], np.float32),
        "timesteps": np.array([*(row.timestep for row in rows), 0.0], np.float32),
    }


def _matrix(row: ScheduleRow) -> Array:
    """[H, H + 2]: the next state from the state, e_k and z_k. Below the first row it only shifts."""
    hx, he = len(row.a), len(row.b) - 1
    history = hx + he
    matrix = np.zeros((history, history + 2), np.float32)
    matrix[0, :hx] = row.a
    matrix[0, hx:history] = row.b[1:]
    matrix[0, history] = row.b[0]
    matrix[0, history + 1] = row.c
    for age in range(1, hx):
        matrix[age, age - 1] = 1.0
    for age in range(he):
        matrix[hx + age, hx + age - 1 if age else history] = 1.0
    return matrix
