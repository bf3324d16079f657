"""Solved rows and skipped calls in the loop: against the schedule's own rows, and against a recurrence by hand."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from tests.integration.test_reuse import HandDrivenUNet
from tests.own_memory import OwnMemory

from accel_exporter.check import relative_error
from accel_exporter.schedules import SCHEDULERS
from accel_exporter.unet import inference
from accel_runtime import Forecast, Pipeline, PlanSpec, Request, ScheduleTable, SolvedRow, open_bundle
from accel_runtime.errors import InputError
from accel_runtime.plans.forecast import forecast_weights

STEPS = 8
DRAWING = ("dpmpp_2m_sde", "dpmpp_3m_sde", "euler_a", "lcm")
PLAIN = tuple(name for name, choice in SCHEDULERS.items() if choice.bundled and name not in DRAWING)

REQUEST = Request(("a cat", "a dog"), negatives=("x",), seed=4)

# Deep 0, 3 and 6, shallow 4 and 7.
SKIPPING = PlanSpec(
    deep=(0, 3, 6),
    skip=(1, 2, 5),
    branch=1,
    forecast=Forecast.LINEAR,
    rows={
        0: SolvedRow(a=(1.2,), b=(-0.4,)),
        3: SolvedRow(a=(1.1,), b=(-0.3, 0.1)),
        4: SolvedRow(a=(1.3, -0.2), b=(-0.5, 0.2, 0.03)),
        6: SolvedRow(a=(1.05, 0.02), b=(-0.3, 0.2, 0.1, -0.05)),
        7: SolvedRow(a=(1.0,), b=(-0.2, 0.07)),
    },
    scheduler="ddim",
    steps=STEPS,
)


def own_rows(schedule: ScheduleTable) -> dict[int, SolvedRow]:
    """The schedule's coefficients as a plan holds them."""
    return {
        call: SolvedRow(a=row.a[: call + 1], b=_without_zeros(row.b[: call + 1]))
        for call, row in enumerate(schedule.rows)
    }


def _without_zeros(weights: tuple[float, ...]) -> tuple[float, ...]:
    last = max((age for age, weight in enumerate(weights) if weight), default=0)
    return weights[: last + 1]


@pytest.mark.parametrize("scheduler", PLAIN)
def test_rows_that_repeat_the_schedule_s_own_give_the_same_latents_bit_for_bit(
    pipeline: Pipeline, scheduler: str
) -> None:
    schedule = pipeline.schedule(STEPS, scheduler)
    plan = PlanSpec(deep=(0, 2, 5), forecast=Forecast.LINEAR, scheduler=scheduler, steps=STEPS)
    solved = msgspec.structs.replace(plan, rows=own_rows(schedule))

    found, expected = (pipeline.generate(REQUEST, pipeline.compile(each)) for each in (solved, plan))

    assert found.latents.tobytes() == expected.latents.tobytes()


def by_hand(pipe: Any, latents: Any, *, timesteps: dict[int, float], guidance: float = 7.5) -> Any:
    """The plan `SKIPPING` as a recurrence in numpy around diffusers' modules."""
    prompt, negative = pipe.encode_prompt("a cat", "cpu", 1, do_classifier_free_guidance=True)
    text, unet = torch.cat([negative, prompt]), HandDrivenUNet(pipe.unet)
    x: list[Any] = [latents]
    e: list[Any] = []
    features: list[Any] = []
    for call, row in SKIPPING.rows.items():
        feature: Any = None
        if call not in SKIPPING.deep:
            weights = forecast_weights(Forecast.LINEAR, call, deep_calls=(0, 3, 6))
            feature = sum(w * f for w, f in zip(weights, reversed(features), strict=False))
        sample = torch.from_numpy(np.concatenate([x[0], x[0]]))
        noise, fresh = unet.run(sample, timesteps[call], text, branch=1, feature=feature)
        features += [] if feature is not None else [fresh]
        without, with_prompt = np.split(noise.numpy(), 2)
        e.insert(0, without + guidance * (with_prompt - without))
        terms = [*zip(row.a, x, strict=False), *zip(row.b, e, strict=False)]
        x.insert(0, sum(np.float32(weight) * array for weight, array in terms))
    return x[0]


def test_a_plan_with_skipped_calls_is_the_recurrence_of_its_rows(pipeline: Pipeline, diffusers_pipeline: Any) -> None:
    latents = np.random.default_rng(5).standard_normal((1, 4, 8, 8)).astype(np.float32)
    rows = pipeline.schedule(STEPS, "ddim").rows
    with inference(diffusers_pipeline.unet):
        expected = by_hand(diffusers_pipeline, latents, timesteps={k: row.timestep for k, row in enumerate(rows)})

    steps = list(pipeline.denoise(Request(("a cat",), latents=latents), pipeline.compile(SKIPPING)))

    assert [step.timestep for step in steps] == [rows[call].timestep for call in (0, 3, 4, 6, 7)]
    assert relative_error(steps[-1].latents, expected) <= 1e-5


def test_the_loop_on_the_device_skips_calls_too(pipeline: Pipeline, bundle_folder: Path) -> None:
    on_device = open_bundle(bundle_folder, OwnMemory())
    plan = pipeline.compile(SKIPPING)

    found, expected = (each.generate(REQUEST, plan) for each in (on_device, pipeline))

    assert relative_error(found.latents, expected.latents) <= 1e-5
    assert np.abs(found.images.astype(int) - expected.images).max() <= 1


@pytest.mark.parametrize("scheduler", DRAWING)
def test_schedulers_that_draw_noise_are_refused(pipeline: Pipeline, scheduler: str) -> None:
    rows = {0: SolvedRow(a=(1.0,), b=(1.0,))}

    with pytest.raises(InputError, match=f"{scheduler} draws noise at its calls"):
        pipeline.compile(PlanSpec(deep=(0,), skip=(1,), rows=rows, scheduler=scheduler, steps=2))


def test_a_solved_plan_does_not_start_from_an_image_halfway(pipeline: Pipeline) -> None:
    with pytest.raises(InputError, match="solved plans start from noise, got a schedule that starts at call 4"):
        pipeline.compile(SKIPPING, strength=0.5)
