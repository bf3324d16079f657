"""Local search on errors that are made up."""

from accel_bench.search.refine import DeepCalls, neighbours, refine

GOAL = (0, 4, 9)


def distance(deep_calls: DeepCalls, _batches: int) -> float:
    return float(sum(abs(at - goal) for at, goal in zip(deep_calls, GOAL, strict=True)))


def test_it_walks_downhill_to_the_best_plan() -> None:
    *_, last = refine((0, 1, 2), calls=12, error=distance, rounds=(1, 2), affordable=lambda: True)

    assert last.deep_calls == GOAL
    assert last.error == 0.0


def test_every_plan_it_yields_is_better_than_the_one_before() -> None:
    errors = [
        found.error for found in refine((0, 1, 2), calls=12, error=distance, rounds=(1,), affordable=lambda: True)
    ]

    assert errors == sorted(set(errors), reverse=True)


def test_it_stops_where_the_budget_ends() -> None:
    asked: list[DeepCalls] = []

    def error(deep_calls: DeepCalls, batches: int) -> float:
        asked.append(deep_calls)
        return distance(deep_calls, batches)

    found = list(refine((0, 1, 2), calls=12, error=error, rounds=(1, 2), affordable=lambda: len(asked) < 3))

    assert len(asked) == 3
    assert [each.deep_calls for each in found] == [(0, 1, 2)]


def test_only_the_better_half_is_judged_on_all_batches() -> None:
    on_all: list[DeepCalls] = []

    def error(deep_calls: DeepCalls, batches: int) -> float:
        if batches == 2:
            on_all.append(deep_calls)
        return distance(deep_calls, batches)

    list(refine(GOAL, calls=12, error=error, rounds=(1, 2), affordable=lambda: True))

    assert len(on_all) == 1 + len(neighbours(GOAL, 12)) // 2


def test_neighbours_keep_the_first_call_and_the_number_of_deep_ones() -> None:
    found = neighbours((0, 1, 5), 7)

    assert all(len(set(plan)) == 3 and plan[0] == 0 for plan in found)
    assert (0, 1, 6) in found
    assert (0, 3, 5) in found
