"""Plans with skipped calls, solved on the small pipeline and run by the loop that `accel generate` runs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_bench.base.work import finish
from accel_bench.solving.placement import Placement, Priced
from accel_bench.solving.refine import refine
from accel_bench.solving.solver import Lab, Solution, open_lab
from accel_bench.solving.student import Past, differences, ridge, row_of, weights_of
from accel_bench.solving.walk import Tally, Walker
from accel_runtime import Pipeline, Request
from accel_runtime.plans.solved import SolvedFor, SolvedRow

STEPS, GUIDANCE = 6, 4.0
REQUESTS = (Request(("a red apple", "a dog"), seed=3), Request(("a blue car", "a cat"), seed=9))
SKIPPING = Placement((0, 3), (4,))


def walkers(pipeline: Pipeline, scheduler: str, *, requests: tuple[Request, ...] = REQUESTS) -> tuple[Walker, ...]:
    plan = pipeline.plan(STEPS, scheduler=scheduler, guidance=GUIDANCE)
    return tuple(Walker.open(pipeline, each, plan=plan, branch=0, tally=Tally()) for each in requests)


@pytest.fixture(scope="module")
def lab(pipeline: Pipeline) -> Lab:
    return finish(open_lab(walkers(pipeline, "ddim"), window=2))


def solved(lab: Lab, placement: Placement = SKIPPING, *, moves: int = 0, refined: bool = False) -> Solution:
    return finish(lab.solve(Priced(placement, 0.0), moves=moves, refined=refined))


@pytest.mark.parametrize("scheduler", ["ddim", "dpmpp_2m", "euler", "pndm"])
def test_a_solved_plan_draws_what_was_solved(pipeline: Pipeline, scheduler: str) -> None:
    lab = finish(open_lab(walkers(pipeline, scheduler), window=2))
    solution = solved(lab)
    calls = lab.teacher.calls

    spec = lab.spec(solution, solved_for=None)

    final = [list(pipeline.denoise(each, pipeline.compile(spec, guidance=GUIDANCE)))[-1].latents for each in REQUESTS]
    students = [lab.fitted.student.run(SKIPPING, solution.rows), lab.held.student.run(SKIPPING, solution.rows)]
    assert all(np.array_equal(one.reshape(two.shape), two) for one, two in zip(students, final, strict=True))
    assert len(spec.skip) == calls - 3


@pytest.mark.parametrize("scheduler", ["ddim", "dpmpp_2m", "euler", "pndm"])
def test_the_teacher_is_the_uncached_run(pipeline: Pipeline, scheduler: str) -> None:
    lab = finish(open_lab(walkers(pipeline, scheduler), window=0))

    uncached = pipeline.plan(STEPS, scheduler=scheduler, guidance=GUIDANCE)
    final = [list(pipeline.denoise(each, uncached))[-1].latents for each in REQUESTS]
    assert np.array_equal(lab.teacher.latents[-1], np.concatenate(final).reshape(4, -1))


def test_a_plan_that_skips_nothing_ends_where_the_teacher_does(lab: Lab) -> None:
    solution = solved(lab, Placement(tuple(range(STEPS))))

    assert solution.error < 1e-9 * float(np.mean(lab.held.latents[-1] ** 2))


def test_more_calls_leave_less(lab: Lab) -> None:
    errors = [solved(lab, Placement(deep)).error for deep in ((0,), (0, 3), (0, 2, 4), (0, 1, 2, 3, 4, 5))]

    assert errors == sorted(errors, reverse=True)


def test_moves_help_on_the_pictures_that_they_are_tried_on(lab: Lab) -> None:
    still, moved = solved(lab), solved(lab, moves=6)

    assert moved.placement != SKIPPING
    errors = [lab.fitted.judge(each.placement, each.rows) for each in (still, moved)]
    assert errors[1] < errors[0]


def test_a_refinement_repairs_rows_that_are_off(lab: Lab) -> None:
    rows = solved(lab).rows
    off = {call: SolvedRow(a=row.a, b=(row.b[0] * 1.05, *row.b[1:])) for call, row in rows.items()}

    better = finish(refine(SKIPPING, off, fitted=lab.fitted, held=lab.held))

    errors = [lab.held.judge(SKIPPING, each) for each in (off, better)]
    assert errors[1] < 0.5 * errors[0]


def test_a_refinement_is_kept_only_where_it_helps_pictures_that_were_not_fitted(lab: Lab) -> None:
    assert solved(lab, refined=True).error <= solved(lab).error


def test_one_batch_solves_without_a_choice(pipeline: Pipeline) -> None:
    lab = finish(open_lab(walkers(pipeline, "ddim", requests=REQUESTS[:1]), window=0))

    assert not lab.chooses
    assert solved(lab, Placement((0, 3)), refined=True).rows == solved(lab, Placement((0, 3))).rows


def test_anybodys_predictor_makes_the_rows(lab: Lab) -> None:
    def hold(past: Past, wanted: np.ndarray) -> SolvedRow:
        assert past.latents.shape == wanted.shape == past.noises[0].shape
        return SolvedRow(a=(1.0,), b=(-0.5,))

    solution = finish(lab.solve(Priced(SKIPPING, 0.0), predictor=hold))

    assert set(solution.rows.values()) == {SolvedRow(a=(1.0,), b=(-0.5,))}


def test_a_stronger_ridge_corrects_less() -> None:
    latents, noise, apart = np.random.default_rng(0).normal(size=(3, 2, 50)).astype(np.float32)
    past = Past(latents, (noise, noise + np.float32(0.1) * apart))
    basis = differences(past)
    wanted = np.float32(0.9) * basis[0] - np.float32(0.3) * basis[1] + np.float32(2.0) * basis[2]

    weights = [abs(weights_of(ridge(strength)(past, wanted))[2]) for strength in (0.0, 1e-2, 1.0)]

    assert weights[0] == pytest.approx(2.0, rel=1e-3)
    assert weights == sorted(weights, reverse=True)


def test_a_plan_says_what_it_was_solved_for(lab: Lab) -> None:
    model = SolvedFor(model="0" * 64, guidance=GUIDANCE, height=64, width=64)

    spec = lab.spec(solved(lab), solved_for=model)

    assert (spec.deep, spec.skip, spec.solved_for) == ((0, 3), (1, 2, 5), model)


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=4))
def test_weights_of_differences_are_a_row_and_back(weights: list[float]) -> None:
    assert weights_of(row_of(weights)) == pytest.approx(weights, abs=1e-6)
