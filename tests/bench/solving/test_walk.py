"""Walks, calibration and outcomes on the small pipeline, against the loop that `accel generate` runs."""

import numpy as np
import pytest
from tests.studies.forecasts import built_in, spec_of
from tests.studies.outcomes import Outcomes, calls_of

from accel_bench.solving.drift import Calibration, calibrate, impulse_response, record, weigh
from accel_bench.solving.segments import Solver
from accel_bench.solving.walk import Tally, Walker, walk
from accel_runtime import Pipeline, PlanSpec, Request, compile_plan
from accel_runtime.backends.base import Array
from accel_runtime.plans.forecast import Forecast

REQUEST = Request(("a red apple", "a dog"), seed=3)
STEPS = 6


def open_walker(
    pipeline: Pipeline,
    scheduler: str = "ddim",
    *,
    guidance: float = 4.0,
    guided_calls: tuple[int, int] | None = None,
) -> Walker:
    plan = pipeline.plan(STEPS, scheduler=scheduler, guidance=guidance, guided_calls=guided_calls)
    return Walker.open(pipeline, REQUEST, plan=plan, branch=0, tally=Tally())


@pytest.mark.parametrize("scheduler", ["ddim", "dpmpp_2m", "euler_a"])
@pytest.mark.parametrize(("guidance", "guided_calls"), [(1.0, None), (4.0, None), (4.0, (0, 3))])
def test_a_walk_ends_where_the_loop_does(
    pipeline: Pipeline, scheduler: str, guidance: float, guided_calls: tuple[int, int] | None
) -> None:
    walker = open_walker(pipeline, scheduler, guidance=guidance, guided_calls=guided_calls)
    forecast = built_in((0, 2, 4), STEPS, forecast=Forecast.LINEAR)

    walked = walk(walker, walker.start(), calls_of(walker, forecast)).latents

    spec = PlanSpec(
        deep=(0, 2, 4), forecast=Forecast.LINEAR, guided_calls=guided_calls, scheduler=scheduler, steps=STEPS
    )
    looped = list(pipeline.denoise(REQUEST, pipeline.compile(spec, guidance=guidance)))[-1].latents
    np.testing.assert_allclose(walked, looped, rtol=0, atol=1e-6)
    assert (walker.tally.deep, walker.tally.shallow) == (6, 6)  # three of each, two pictures


def test_a_plan_written_as_data_runs_as_it_was_walked(pipeline: Pipeline) -> None:
    walker = open_walker(pipeline)
    forecast = {1: (1.0,), 3: (1.4, -0.4), 5: (0.9, 0.1)}

    walked = walk(walker, walker.start(), calls_of(walker, forecast)).latents

    plan = compile_plan(spec_of(forecast, STEPS), pipeline.schedule(STEPS, "ddim"), guidance=4.0)
    looped = list(pipeline.denoise(REQUEST, plan))[-1].latents
    np.testing.assert_allclose(walked, looped, rtol=0, atol=1e-6)


def test_what_a_trial_does_leaves_no_trace_in_the_next(pipeline: Pipeline) -> None:
    walker = open_walker(pipeline)
    outcomes = Outcomes(walker, walker.start().latents)
    plans = [built_in(deep, STEPS, forecast=Forecast.HOLD) for deep in ((0, 3), (0, 4), (0, 1, 2), (0, 3))]

    found = [outcomes.final(plan) for plan in plans]

    for plan, latents in zip(plans, found, strict=True):
        np.testing.assert_array_equal(latents, walk(walker, walker.start(), calls_of(walker, plan)).latents)


def test_trials_that_begin_alike_run_their_beginning_once(pipeline: Pipeline) -> None:
    walker = open_walker(pipeline)
    outcomes = Outcomes(walker, walker.start().latents)
    outcomes.final(built_in((0, 4), STEPS, forecast=Forecast.HOLD))
    before = walker.tally.deep + walker.tally.shallow

    outcomes.final(built_in((0, 5), STEPS, forecast=Forecast.HOLD))

    assert walker.tally.deep + walker.tally.shallow - before == 2 * 2  # calls 4 and 5 of two pictures


@pytest.mark.parametrize("scheduler", ["ddim", "dpmpp_2m", "euler"])
def test_the_impulse_response_is_what_a_disturbed_recurrence_gains(pipeline: Pipeline, scheduler: str) -> None:
    walker = open_walker(pipeline, scheduler)
    noises = record(walker).noises
    response = impulse_response(walker.plan.schedule)

    def run(disturbed: int | None) -> Array:
        state = walker.start()
        for call, noise in enumerate(noises):
            state = walker.advance(state, noise + np.float32(call == disturbed))
        return state.latents

    for call in range(walker.calls):
        np.testing.assert_allclose(run(call) - run(None), response[call], rtol=0, atol=2e-4)


def test_drift_is_the_error_of_a_call_on_an_older_feature(pipeline: Pipeline) -> None:
    walker = open_walker(pipeline)
    trajectory = record(walker)
    calibration = Calibration(pipeline.schedule(STEPS, "ddim"))
    list(calibrate([walker], calibration))

    held = walker.shallow_noise(trajectory.states[4], trajectory.features[2])

    expected = (held - trajectory.noises[4]).ravel()
    np.testing.assert_allclose(calibration.drift.of(4, (2,), weights=(1.0,)), expected, rtol=0, atol=1e-6)
    own = walker.shallow_noise(trajectory.states[4], trajectory.features[4])
    np.testing.assert_allclose(own, trajectory.noises[4], rtol=0, atol=1e-5)


def test_calibration_costs_what_it_says(pipeline: Pipeline) -> None:
    walkers = [open_walker(pipeline), open_walker(pipeline)]
    walkers[1].tally = walkers[0].tally

    list(calibrate(walkers, Calibration(pipeline.schedule(STEPS, "ddim"))))

    # Two batches of two pictures; runs disturbed at calls 1 to 4 have 4, 3, 2 and 1 calls left.
    tally = walkers[0].tally
    assert (tally.deep, tally.shallow) == (2 * 2 * STEPS + 2 * (4 + 3 + 2 + 1), 2 * 2 * 15)


def test_measured_gains_replace_the_schedules_weights_and_keep_their_signs() -> None:
    weights = weigh(np.array([-4.0, -2.0, 1.0, 0.5]), [(0, 1.0), (2, 0.5)])

    np.testing.assert_allclose(weights, [-1.0, -2.0 * np.sqrt(0.25 * 0.5), 0.5, 0.5])


def test_solved_placements_keep_every_budget(pipeline: Pipeline) -> None:
    walker, calibration = open_walker(pipeline), Calibration(pipeline.schedule(STEPS, "ddim"))
    list(calibrate([walker], calibration))

    placements = Solver.of(calibration).placements(None)

    assert {deep: len(plan) for deep, plan in placements.items()} == {deep: deep for deep in range(1, STEPS + 1)}
    assert all(plan[0] == 0 for plan in placements.values())
