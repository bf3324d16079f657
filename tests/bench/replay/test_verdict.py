"""What is said of a figure that a profile expects."""

from typing import Any

import msgspec
import pytest
from tests.bench.records.made import ENVIRONMENT, bench_record, evaluation_record, plan_run, trial_run

from accel_bench.profiles import Config, Expected, Figure, Measured, Predicted, Profile, Published, Target
from accel_bench.profiles.schema import BackendChoice
from accel_bench.records.bench import BenchRecord, ProfileUse
from accel_bench.records.environment import machine_name
from accel_bench.records.evaluation import EvaluationRecord, Scores
from accel_bench.replay import verdict
from accel_bench.replay.verdict import Verdict
from accel_runtime.plans.spec import PlanSpec

HERE = machine_name(ENVIRONMENT)
STEADY = (1.0, 1.01, 0.99, 1.0, 1.01, 0.99)
# What `plan_run` takes at factor 1: text, ten calls with updates, VAE.
FULL_S = 11.25


def profile(**expected: Figure) -> Profile:
    config = Config(
        model="tiny",
        width=64,
        height=64,
        batch=1,
        dtype="fp32",
        guidance=7.5,
        plan=PlanSpec(deep="full", scheduler="ddim", steps=10),
        expected=Expected(**expected),
    )
    return Profile(2, "here", "Here", Target("cpu", "any"), (BackendChoice("cpu"),), configs={"a": config})


def run(*, comparable: bool = True, **changes: Any) -> BenchRecord:
    use = ProfileUse("here", "", {"full": "a"}, comparable=comparable, instead=())
    plans = (plan_run("full", deep=10, shallow=0, slower=STEADY),)
    return bench_record(**({"profile": use, "plans": plans} | changes))


def judge(
    profile: Profile, records: list[BenchRecord], *, evaluation: EvaluationRecord | None = None
) -> tuple[Verdict, ...]:
    known = {} if evaluation is None else {records[0].id: evaluation}
    return verdict.judge(profile, records, evaluations=known, tolerance=0.1)


def only(found: tuple[Verdict, ...], figure: str = "latency_s") -> Verdict:
    (one,) = [each for each in found if each.figure == figure]
    return one


@pytest.mark.parametrize(
    ("expected_s", "word"), [(FULL_S, "holds"), (FULL_S * 2, "holds"), (FULL_S / 1.105, "undecided"), (5.0, "missed")]
)
def test_a_latency_is_missed_only_where_its_whole_interval_misses(expected_s: float, word: str) -> None:
    expected = Measured(expected_s, record="r", machine=HERE)

    found = only(judge(profile(latency_s=expected), [run()]))

    assert found.word == word
    assert found.is_broken == (word == "missed")
    assert found.ratio == pytest.approx(FULL_S / expected_s, rel=0.01)


@pytest.mark.parametrize(("expected", "word"), [(1.0, "holds"), (1.05, "holds"), (2.0, "missed")])
def test_a_speed_up_is_missed_from_below(expected: float, word: str) -> None:
    figure = Measured(expected, record="r", machine="another")

    assert only(judge(profile(speedup=figure), [run()]), "speedup").word == word


@pytest.mark.parametrize(
    "figure", [Published(5.0, source="s"), Predicted(5.0, formula="f")], ids=["published", "predicted"]
)
def test_what_others_measured_or_nobody_did_is_no_promise_of_ours(figure: Figure) -> None:
    found = only(judge(profile(latency_s=figure), [run()]))

    assert (found.word, found.kind, found.is_broken) == ("missed", figure.kind, False)


def test_a_time_of_another_machine_is_not_judged() -> None:
    figure = Measured(5.0, record="r", machine="another processor, 2 cores")

    assert only(judge(profile(latency_s=figure), [run()])).word == "other machine"


def test_what_ran_instead_of_the_profile_is_not_judged() -> None:
    figure = Measured(5.0, record="r", machine=HERE)

    found = only(judge(profile(latency_s=figure), [run(comparable=False)]))

    assert (found.word, found.ratio) == ("not comparable", None)


def test_what_bench_does_not_measure_is_said_so() -> None:
    figure = Measured(0.01, record="r", machine=HERE)

    assert only(judge(profile(score_loss=figure), [run()]), "score_loss").word == "not measured"


SAME = Scores((0.0, 0.0), (1.0, 1.0), (0.0, 0.0), (30.0, 50.0), (True, True))
# 30 dB, of which both pictures are; a loss of 5 %, give or take 5 %.
CACHED = Scores((65.025, 65.025), (0.5, 0.75), (0.25, 0.5), (29.0, 47.0), (True, False))


def judge_pictures(**expected: Figure) -> Verdict:
    """Of the cached pictures, by the one figure that is expected."""
    use = ProfileUse("here", "", {"every:5": "a"}, comparable=True, instead=())
    evaluation = evaluation_record(trial_run("full", SAME), trial_run("every:5", CACHED))
    plans = (plan_run("full", deep=10, shallow=0), plan_run("every:5", deep=2, shallow=8))
    found = judge(profile(**expected), [run(profile=use, plans=plans)], evaluation=evaluation)
    return only(found, *expected)


@pytest.mark.parametrize(("expected", "word"), [(25.0, "holds"), (30.8, "holds"), (31.0, "missed")])
def test_a_psnr_may_be_of_a_tenth_more_error(expected: float, word: str) -> None:
    found = judge_pictures(psnr_db=Measured(expected, record="r", machine="another"))

    assert (found.word, found.is_broken) == (word, word == "missed")
    assert found.median == pytest.approx(30.0)


@pytest.mark.parametrize(("expected", "word"), [(0.05, "holds"), (0.01, "undecided"), (-0.01, "missed")])
def test_a_score_loss_is_missed_only_where_its_whole_interval_misses(expected: float, word: str) -> None:
    figure = Measured(expected, record="r", machine="another", note="emoji-clip over 64 captions")

    assert judge_pictures(score_loss=figure).word == word


@pytest.mark.parametrize("note", ["", "CLIP ViT-g/14 on PartiPrompts"])
def test_the_loss_of_another_score_is_not_measured(note: str) -> None:
    figure = Measured(0.05, record="r", machine=HERE, note=note)

    assert judge_pictures(score_loss=figure).word == "not measured"


@pytest.mark.parametrize(
    ("changes", "word"), [({}, "holds"), ({"guidance": 3.0}, "not measured"), ({"dtype": "fp16"}, "not measured")]
)
def test_a_speed_up_over_a_baseline_that_no_session_shares_is_not_measured(changes: dict[str, Any], word: str) -> None:
    here = profile(speedup=Measured(1.0, record="r", machine=HERE))
    base = msgspec.structs.replace(here.configs["a"], expected=Expected(), **changes)
    config = msgspec.structs.replace(here.configs["a"], baseline="b")
    configs = {"a": config, "b": base}

    found = only(judge(msgspec.structs.replace(here, configs=configs), [run()]), "speedup")

    assert (found.word, found.median is None) == (word, word == "not measured")


def test_a_config_without_expectations_still_shows_its_latency() -> None:
    found = only(judge(profile(), [run()]))

    assert (found.word, found.expected) == ("no expectation", None)
    assert found.median == pytest.approx(FULL_S)


def test_plans_that_no_config_asked_for_have_no_verdict() -> None:
    use = ProfileUse("here", "", {}, comparable=True, instead=())

    assert judge(profile(), [run(profile=use)]) == ()
