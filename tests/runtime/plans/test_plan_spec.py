"""Serialised plans: what they mean, what is refused, and that no form of them says another thing."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.runtime.plans.test_plan import table

from accel_runtime.errors import InputError
from accel_runtime.plans.compile import compile_plan, resolve_plan
from accel_runtime.plans.deep_calls import deep_calls_text, parse_deep_calls
from accel_runtime.plans.forecast import Forecast, forecast_weights
from accel_runtime.plans.plan import Deep, Shallow
from accel_runtime.plans.solved import MOST_LATENTS, MOST_NOISES, SolvedFor, SolvedRow
from accel_runtime.plans.spec import PlanError, PlanSpec

KEYS = [
    "version",
    "deep",
    "skip",
    "branch",
    "branches",
    "forecast",
    "weights",
    "rows",
    "guided_calls",
    "scheduler",
    "steps",
    "solved_for",
]
SOLVED_FOR = SolvedFor(model="0f" * 32, guidance=4.0, height=512, width=768)


def test_all_calls_have_the_branch_and_the_forecast_but_for_the_exceptions() -> None:
    spec = PlanSpec(deep=(0, 2), branch=1, branches={3: 0}, forecast=Forecast.LINEAR, weights={4: (0.9,)})

    calls = compile_plan(spec, table(6), guidance=3.0).calls

    assert calls[0] == calls[2] == Deep(guidance=3.0)
    assert calls[1] == Shallow(guidance=3.0, branch=1, forecast=(1.0,))
    assert calls[3] == Shallow(guidance=3.0, branch=0, forecast=(1.5, -0.5))
    assert calls[4] == Shallow(guidance=3.0, branch=1, forecast=(0.9,))
    assert calls[5] == Shallow(guidance=3.0, branch=1, forecast=forecast_weights(Forecast.LINEAR, 5, deep_calls=(0, 2)))


def test_calls_outside_of_the_guided_ones_have_guidance_1() -> None:
    calls = compile_plan(PlanSpec(deep="full", guided_calls=(1, 2)), table(4), guidance=7.5).calls

    assert [call.guidance for call in calls] == [1.0, 7.5, 7.5, 1.0]


def test_the_order_in_which_calls_are_given_means_nothing() -> None:
    weights = {1: (0.9,), 2: (0.8,)}
    one, other = (PlanSpec(deep=(0,), weights=dict(each)) for each in (weights.items(), reversed(weights.items())))

    assert (one, hash(one), msgspec.json.encode(one)) == (other, hash(other), msgspec.json.encode(other))


def test_a_rule_fits_any_number_of_calls() -> None:
    spec = PlanSpec(deep="every:3")

    assert [compile_plan(spec, table(calls), guidance=1.0).deep_calls for calls in (2, 7)] == [(0,), (0, 3, 6)]


def test_json_has_every_key_and_numbers_of_calls_as_keys() -> None:
    spec = PlanSpec(deep=(0, 2), weights={3: (1.5, -0.5)})

    assert list(msgspec.json.decode(msgspec.json.encode(spec))) == KEYS
    assert msgspec.json.decode(msgspec.json.encode(spec))["weights"] == {"3": [1.5, -0.5]}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"deep": (1, 2)}, "the first call must be deep"),
        ({"deep": ()}, "the first call must be deep"),
        ({"deep": (0, 2, 1)}, "ascending numbers, each once"),
        ({"deep": (0, 2, 2)}, "ascending numbers, each once"),
        ({"deep": "every:0"}, "expected full, every:N with N ≥ 1, or numbers of calls, got 'every:0'"),
        ({"deep": "calls:0,3"}, "or numbers of calls"),
        ({"deep": (0, 2), "branches": {2: 1}}, "branches.2: expected the number of a shallow call"),
        ({"deep": "every:3", "weights": {6: (1.0,)}}, "weights.6: expected the number of a shallow"),
        ({"deep": "full", "weights": {1: (1.0,)}}, "weights.1: expected the number of a shallow"),
        ({"deep": (0, 2), "weights": {1: (1.0, 0.0)}}, "weights.1: expected 1 to 1 weights, of the deep"),
        ({"deep": "every:2", "weights": {3: (1.0, 0.0, 0.0)}}, "weights.3: expected 1 to 2"),
        ({"deep": (0,), "weights": {1: ()}}, "weights.1: expected 1 to 1"),
        ({"deep": (0,), "weights": {1: (float("nan"),)}}, "finite numbers"),
        ({"deep": "full", "guided_calls": (2, 1)}, "guided_calls: expected a first and a last call, got 2 and 1"),
    ],
)
def test_parts_that_contradict_each_other_are_refused(parts: dict[str, object], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        PlanSpec(**parts)  # type: ignore[arg-type]  # a test's shorthand


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (PlanSpec(deep=(0, 4)), "deep call 4 is outside 0…3"),
        (PlanSpec(deep=(0,), branches={4: 1}), "branches: call 4 is outside 0…3"),
        (PlanSpec(deep=(0,), weights={9: (1.0,)}), "weights: call 9 is outside 0…3"),
        (PlanSpec(deep="full", guided_calls=(0, 4)), "guided calls: expected first and last of 0 to 3, got 0 to 4"),
        (PlanSpec(deep="full", steps=5), "schedule of the plan's 5 steps, got 4"),
    ],
)
def test_a_plan_that_does_not_fit_the_schedule_is_refused(spec: PlanSpec, message: str) -> None:
    with pytest.raises(InputError, match=message):
        compile_plan(spec, table(4), guidance=7.5)


def test_a_document_that_contradicts_itself_says_where() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"plan: weights.0: expected .* - at `\$\[1\]`"):
        msgspec.convert([{"deep": "full"}, {"deep": "full", "weights": {0: [1.0]}}], list[PlanSpec])


def test_what_the_caller_chooses_fills_in_what_the_plan_leaves_open() -> None:
    spec = PlanSpec(deep="full", steps=30)

    assert spec.with_defaults(steps=20, scheduler="ddim") == PlanSpec(deep="full", steps=30, scheduler="ddim")


@st.composite
def specs(draw: st.DrawFn, calls: int) -> PlanSpec:
    """Plans that fit so many calls of `table`: with rules, with numbers, and with skipped calls and solved rows."""
    solved = draw(st.booleans())
    numbers = st.sets(st.integers(1, calls - 1)).map(lambda later: (0, *sorted(later)))
    rules = st.one_of(st.just("full"), st.integers(1, calls).map("every:{}".format))
    deep = draw(numbers if solved else st.one_of(rules, numbers))
    placed = PlanSpec(deep=deep).deep_calls(calls)
    others = [call for call in range(calls) if call not in placed]
    skip = draw(some_of(others)) if solved else ()
    shallow = [call for call in others if call not in skip]
    most = {call: min(3, sum(node < call for node in placed)) for call in shallow}
    last = draw(st.one_of(st.none(), st.integers(0, calls - 1)))
    running = [call for call in range(calls) if call not in skip]
    return PlanSpec(
        deep=deep,
        skip=skip,
        branch=draw(st.integers(0, 3)),
        branches={call: draw(st.integers(0, 3)) for call in draw(some_of(shallow))},
        forecast=draw(st.sampled_from(Forecast)),
        weights={call: draw(numbers_of(most[call])) for call in draw(some_of(shallow))},
        rows={call: draw(solved_rows(before + 1)) for before, call in enumerate(running)} if solved else {},
        guided_calls=None if last is None else (0, last),
        scheduler="toy" if solved else draw(st.one_of(st.none(), st.text())),
        steps=calls if solved else draw(st.sampled_from((None, calls))),
        solved_for=draw(st.sampled_from((None, SOLVED_FOR))) if solved else None,
    )


def some_of(calls: list[int]) -> st.SearchStrategy[tuple[int, ...]]:
    return st.sets(st.sampled_from(calls)).map(lambda chosen: tuple(sorted(chosen))) if calls else st.just(())


def numbers_of(most: int) -> st.SearchStrategy[tuple[float, ...]]:
    return st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=most).map(tuple)


def solved_rows(ran: int) -> st.SearchStrategy[SolvedRow]:
    return st.builds(SolvedRow, a=numbers_of(min(ran, MOST_LATENTS)), b=numbers_of(min(ran, MOST_NOISES)))


@given(specs(9))
def test_json_toml_and_resolved_plans_all_compile_to_the_same(spec: PlanSpec) -> None:
    schedule = table(9)
    read = msgspec.json.decode(msgspec.json.encode(spec), type=PlanSpec)
    resolved = resolve_plan(spec, schedule)

    assert read == spec
    assert hash(read) == hash(spec)
    assert msgspec.convert(msgspec.to_builtins(spec, str_keys=True), PlanSpec, str_keys=True) == spec
    assert compile_plan(resolved, schedule, guidance=7.5) == compile_plan(spec, schedule, guidance=7.5)
    assert resolve_plan(resolved, schedule) == resolved
    assert (resolved.scheduler, resolved.steps) == (spec.scheduler or "toy", 9)
    assert parse_deep_calls(deep_calls_text(spec.deep)) == spec.deep
