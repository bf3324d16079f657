"""Two records against each other."""

import msgspec
import numpy as np
import pytest
from tests.bench.records.made import ENVIRONMENT, WORKLOAD, bench_record, plan_run

from accel_bench.benchmark.compare import compare, comparison_lines, has_regressed, refuse_unlike
from accel_bench.records.bench import BenchRecord
from accel_runtime.errors import InputError

STEADY = (1.0, 1.01, 0.99, 1.0, 1.01, 0.99)


def timed(factor: float) -> BenchRecord:
    slower = tuple(factor * each for each in STEADY)
    return bench_record(plans=(plan_run("full", deep=10, shallow=0, slower=slower),))


def test_the_same_work_again_has_a_ratio_around_one_and_no_regression() -> None:
    (plan,) = compare(timed(1.0), timed(1.0)).plans

    assert plan.low < 1 < plan.high
    assert not has_regressed(plan, 0.0)


def test_a_fifth_slower_is_a_regression_and_a_fiftieth_within_the_allowance_is_none() -> None:
    assert has_regressed(compare(timed(1.0), timed(1.2)).plans[0], 0.05)
    assert not has_regressed(compare(timed(1.0), timed(1.04)).plans[0], 0.05)
    assert not has_regressed(compare(timed(1.2), timed(1.0)).plans[0], 0.05)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"environment": msgspec.structs.replace(ENVIRONMENT, cpu="another")}, "processor cpu and another"),
        ({"workload": msgspec.structs.replace(WORKLOAD, steps=20)}, "steps 10 and 20"),
        ({"workload": msgspec.structs.replace(WORKLOAD, scheduler="euler")}, "scheduler ddim and euler"),
    ],
)
def test_unlike_runs_are_refused_with_what_differs(changes: dict[str, object], told: str) -> None:
    comparison = compare(bench_record(), bench_record(**changes))

    with pytest.raises(InputError, match=told):
        refuse_unlike(comparison)


def test_another_seed_or_version_is_alike() -> None:
    changed = bench_record(
        workload=msgspec.structs.replace(WORKLOAD, seed=9),
        environment=msgspec.structs.replace(ENVIRONMENT, packages={"numpy": "9"}),
    )

    refuse_unlike(compare(bench_record(), changed))


def test_records_without_a_plan_in_common_are_refused() -> None:
    other = bench_record(plans=(plan_run("calls:0", deep=10, shallow=0),))

    with pytest.raises(InputError, match=r"no plan in common: one has full, every:5, the other calls:0"):
        compare(bench_record(), other)


def test_a_slower_machine_is_told_apart_from_a_slower_program() -> None:
    lines = list(comparison_lines(compare(timed(1.0), msgspec.structs.replace(timed(1.2), yardstick_s=(0.02,)))))

    assert "the machine's own speed differs" in lines[-1]


def noisy(seed: int, factor: float = 1.0) -> BenchRecord:
    """Ten rounds on a machine whose times scatter by 3 %, one way more than the other."""
    noise = np.random.default_rng(seed).lognormal(sigma=0.03, size=10)
    slower = tuple(float(factor * each) for each in noise)
    return bench_record(plans=(plan_run("full", deep=10, shallow=0, slower=slower),))


def test_on_a_noisy_machine_the_same_work_is_the_same_and_a_fifth_slower_is_seen() -> None:
    same = [compare(noisy(2 * seed), noisy(2 * seed + 1)).plans[0] for seed in range(100)]
    slower = [compare(noisy(2 * seed), noisy(2 * seed + 1, 1.2)).plans[0] for seed in range(100)]

    assert sum(plan.low < 1 < plan.high for plan in same) >= 98
    assert sum(has_regressed(plan, 0.05) for plan in same) <= 2
    assert sum(has_regressed(plan, 0.05) for plan in slower) >= 99
