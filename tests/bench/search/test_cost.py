"""Times of images, composed of samples that are made up."""

from accel_bench.records.search import StageTimes
from accel_bench.search.cost import compose_s
from accel_runtime import Pipeline, PlanSpec, compile_plan

TIMES = StageTimes({"deep": (0.1, 0.3, 0.7), "shallow 0": (0.01, 0.03, 0.02)}, (0.5,), (0.25,), (0.001,))


def test_an_image_is_its_stages_by_their_medians(pipeline: Pipeline) -> None:
    plan = compile_plan(PlanSpec(deep=(0, 3)), pipeline.schedule(6, "ddim"), guidance=4.0)

    assert abs(compose_s(TIMES, plan) - (0.5 + 2 * 0.3 + 4 * 0.02 + 6 * 0.001 + 0.25)) < 1e-12


def test_plans_of_the_same_calls_in_another_order_take_the_same_time_exactly(pipeline: Pipeline) -> None:
    schedule = pipeline.schedule(20, "ddim")
    placements = ((0, 1, 2), (0, 9, 19), (0, 7, 13))
    plans = [compile_plan(PlanSpec(deep=deep), schedule, guidance=4.0) for deep in placements]

    assert len({compose_s(TIMES, plan) for plan in plans}) == 1
