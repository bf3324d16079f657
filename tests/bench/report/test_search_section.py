"""The section of a search: goal, choice, numbers, command."""

import msgspec
import pytest
import typer
from tests.bench.report.records import BACKEND, bench_record
from tests.bench.report.search_records import (
    BASE,
    BEATEN,
    CALLS,
    CHOSEN,
    DROPPED,
    FAST,
    FEWER_STEPS,
    UNIFORM,
    asked,
    listed,
    search_record,
    tried,
)
from tests.solved import solved_plan

from accel_bench.cli.search import search
from accel_bench.plans.families import uniform
from accel_bench.records.parts import Doubt, PlanFacts
from accel_bench.records.search import Goal, Score, SearchRecord, Tried
from accel_bench.report.page import render_report
from accel_bench.report.reproduce import command
from accel_bench.report.sections.search import SearchView, search_section
from accel_bench.report.tables import Table
from accel_bench.report.verdicts import forecast_words, goal_words
from accel_bench.search.summary import summarise_search
from accel_bench.search.table import plan_words
from accel_runtime.plans.spec import PlanSpec

BY_CLIP = tuple(
    msgspec.structs.replace(each, scores=msgspec.structs.replace(each.scores, clip=each.scores.emoji_clip))
    for each in (BASE, CHOSEN)
)


def view(record: SearchRecord) -> SearchView:
    found: SearchView = search_section(record, benches=[]).view
    return found


def column(table: Table, heading: str) -> list[str]:
    return list(next(each.cells for each in table.columns if each.heading == heading))


@pytest.mark.parametrize(
    ("goal", "words"),
    [
        (Goal(Score.EMOJI_CLIP, max_loss=0.05), "The fastest with a loss of at most 5% of emoji-clip."),
        (Goal(Score.CLIP), "The fastest with no bound on quality."),
        (Goal(Score.FEATURE, max_feature_distance=0.1), "The fastest with a feature distance of at most 0.1."),
        (
            Goal(Score.SSIM, max_loss=0.01, min_psnr=30),
            "The fastest with a loss of at most 1% of ssim and a PSNR of at least 30 dB.",
        ),
        (
            Goal(Score.EMOJI_CLIP, speedup=2.3),
            "At least 2.3× as fast, with no bound on quality; of such, the pictures nearest to the baseline's.",
        ),
        (
            Goal(Score.EMOJI_CLIP, seconds=0.25),
            "An image in at most 250 ms, with no bound on quality; of such, the pictures nearest to the baseline's.",
        ),
    ],
)
def test_the_goal_is_told_in_words(goal: Goal, words: str) -> None:
    assert goal_words(goal) == words


def test_what_was_chosen_is_told_with_its_measured_speed_up() -> None:
    found = view(search_record())

    assert found.verdict.before == "Goal met: solved with 10 of 50 calls deep draws"
    # Its six ratios are those of the rounds, each plan's in its own order.
    assert found.verdict.number == "2.32×"
    assert found.verdict.after.endswith("39.1 dB, and emoji-clip loses 0.20% ± 0.04%")
    facts = {fact.name: fact.value for fact in found.chosen}
    assert facts["Deep calls"] == "10 of 50: 0, 1, 2, 8, 14, 20, 26, 32, 38, 44"
    assert facts["Other calls"].endswith("features of 40 calls are the last 2 deep ones with solved weights")
    assert facts["Composed"].startswith("2.39× as fast, 2.30 s an image")
    assert "Steps" not in facts


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"goal": Goal(Score.EMOJI_CLIP, max_loss=0.0)}, "the best has a loss of 0.10% at 1.57× (3.5 s)."),
        ({"goal": Goal(Score.EMOJI_CLIP, speedup=9.0)}, "the fastest reaches 2.89×"),
        ({"tried": (BASE, DROPPED)}, "no candidate was judged on all pictures."),
        (
            {"tried": (BASE, CHOSEN), "goal": Goal(Score.EMOJI_CLIP, speedup=2.38)},
            "composed times promised enough, but end to end the best has 2.32× (2.38 s).",
        ),
    ],
)
def test_where_nothing_meets_the_goal_it_is_told_what_stands_in_the_way(changes: dict[str, object], words: str) -> None:
    found = view(search_record(chosen=None, **changes))

    assert found.verdict.before == "Nothing that was tried meets the goal:"
    assert words in found.verdict.after
    assert (found.strip, found.chosen) == (None, [])
    assert "What was chosen" not in render_report([search_record(chosen=None, **changes)])


def test_fewer_steps_and_guided_calls_are_told() -> None:
    fewer, guided = (
        {fact.name: fact.value for fact in view(search_record(tried=(BASE, timed), chosen=timed.id)).chosen}
        for timed in (_timed(FEWER_STEPS), _timed(FAST))
    )

    assert (fewer["Deep calls"], fewer["Steps"]) == ("all 25", "25 instead of 50")
    assert "Other calls" not in fewer
    assert guided["Guidance"] == "on calls 0 to 24 alone"


def _timed(each: Tried) -> Tried:
    return msgspec.structs.replace(each, image_s=BASE.image_s)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "features are those of the last deep call"),
        ({"forecast": "linear"}, "features are extrapolated linearly from the last two deep calls"),
        ({"weights": {3: (1.5, -0.5)}}, "1 call are the last 2 deep ones with solved weights, of 1 other by the"),
        ({"weights": {1: (0.9,), 3: (0.8,)}}, "features of 2 calls are the last deep one with solved weights"),
    ],
)
def test_a_forecast_is_told_in_words(changes: dict[str, object], words: str) -> None:
    spec = msgspec.convert({"deep": "every:2"} | changes, PlanSpec)

    assert words in forecast_words(PlanFacts("n", spec, calls=4))


def test_the_front_s_table_has_front_and_finalists_the_slowest_first() -> None:
    finalist = _timed(BEATEN)
    table = view(search_record(tried=(BASE, UNIFORM, finalist, CHOSEN, DROPPED, FEWER_STEPS, FAST))).front

    assert column(table, "") == [
        "full",
        "every:2 k=0 linear",
        "every:5 k=0 hold",
        "→ 10 calls k=0 solved weights",
        "5 calls k=0 hold guided 0-24",
    ]
    assert column(table, "speed-up") == ["1.00×", "1.57×", "2.39×", "2.39×", "2.89×"]
    assert column(table, "PSNR") == ["same", "42.11", "29.10", "39.10", "22.11"]
    assert column(table, "measured")[2] == "1.00× [1.00 – 1.00]"
    assert column(table, "measured")[4] == "–"


def test_every_candidate_is_in_a_table_with_its_deep_calls() -> None:
    record = search_record()
    table = view(record).candidates

    assert column(table, "") == [each.facts.name for each in record.tried]
    assert column(table, "pictures") == ["8", "8", "8", "8", "2", "8", "8"]
    assert column(table, "front") == ["yes", "yes", "–", "yes", "–", "–", "yes"]
    assert column(table, "keeps the goal") == ["yes", "yes", "yes", "yes", "–", "yes", "no"]


def test_names_of_rows_leave_the_list_of_deep_calls_out() -> None:
    names = [plan_words(each) for each in summarise_search(search_record(tried=(BASE, FEWER_STEPS, FAST), chosen=None))]

    assert names == ["full", "full 25 steps", "5 calls k=0 hold guided 0-24"]


def test_the_cost_is_told_by_purpose_beside_the_grid_s() -> None:
    table = view(search_record()).cost

    assert table.rows == [
        ("judging", "1,200", "2,400", "3,600"),
        ("calibration", "400", "800", "1,200"),
        ("together", "1,600", "3,200", "4,800"),
        ("the grid's 343 candidates", "39,632", "97,568", "137,200"),
    ]


def test_the_error_of_composed_times_is_told_and_large_ones_are_doubts() -> None:
    slow = tried(listed("uniform", uniform(CALLS, 10)), 1.0, measured=1.4)
    record = search_record(tried=(BASE, slow), chosen=None)

    found = view(record)

    assert found.error.startswith("Composed speed-ups are off by 4")
    assert found.error.endswith("seconds by 29.6%.")  # 1 / (1.4 × 1.015) - 1: the median of the rounds is 1.015
    assert "composed-time" in {doubt.kind for doubt in found.doubts}


def test_doubts_of_the_search_stand_in_the_section() -> None:
    page = render_report([search_record(doubts=(Doubt("shared-prompts", "", "they were both", "give more"),))])

    assert 'class="kind">shared-prompts</span> they were both.' in page


def test_pictures_are_pointed_to_only_where_the_finalists_record_is_on_the_page() -> None:
    bench = bench_record()

    page = render_report([search_record(finalists=bench.id), bench])

    assert f'<a href="#record-{bench.id}">Pictures of the finalists</a>' in page
    assert "Pictures of the finalists" not in render_report([search_record(finalists=bench.id)])
    assert "Pictures of the finalists" not in render_report([search_record(), bench])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "search BUNDLE --scheduler ddim --steps 50 --guidance 4 --search-targets deepcache,steps --branch 0 "),
        (
            {},
            "--num-prompts 8 --batch 4 --calibration 8 --seed 0 --score emoji-clip --req-score-loss 5% --rounds 6",
        ),
        ({}, "--provider cpu --threads 1"),
        ({"goal": Goal(Score.PSNR, speedup=2.5, min_psnr=30)}, "--score psnr --req-speedup 2.5 --min-psnr 30"),
        (
            {"goal": Goal(Score.SSIM, seconds=0.5, max_feature_distance=0.1)},
            "--req-time 0.5 --max-feature-distance 0.1",
        ),
        (
            {"goal": Goal(Score.CLIP, max_loss=0.07), "tried": BY_CLIP},
            "--score clip --clip-model CLIP --req-score-loss 7% ",
        ),
        ({"asked": asked(prompts="mine.txt")}, "--strategy solved --prompts mine.txt --num-prompts 8"),
        ({"asked": asked(branches=(0, 2))}, "--branch 0,2 --strategy solved"),
        ({"asked": asked(strategy="optuna", trials=40)}, "--strategy optuna --trials 40"),
        ({"asked": asked(moves=40)}, "--strategy solved --moves 40"),
        ({"backend": msgspec.structs.replace(BACKEND, backend="openvino", provider="CPU")}, "--provider openvino:CPU"),
    ],
)
def test_the_command_line_is_derived_from_the_record(changes: dict[str, object], words: str) -> None:
    assert words in str(command(search_record(**changes)))


def test_the_command_line_is_one_that_the_command_takes() -> None:
    goal = Goal(Score.PSNR, max_loss=0.05, speedup=2.5, min_psnr=30, max_feature_distance=0.25)
    app = typer.Typer()
    app.command()(search)

    words = str(command(search_record(goal=goal))).split()[2:]
    taken = typer.main.get_command(app).make_context("search", words).params

    assert (taken["steps"], taken["num_prompts"], taken["batch"], taken["rounds"]) == (CALLS, 8, 4, 6)
    assert (taken["req_score_loss"], taken["req_speedup"], taken["min_psnr"]) == ("5%", 2.5, 30)
    assert (taken["search_targets"], taken["strategy"], taken["score"]) == ("deepcache,steps", "solved", "psnr")


@pytest.mark.parametrize(
    ("spec", "others"),
    [
        (
            solved_plan((0, 4), shallow=(7,), calls=50),
            "7 cut the UNet at branch 0; features are those of the last deep call; 47 calls skipped",
        ),
        (solved_plan((0, 4), calls=50), "48 calls skipped"),
        (solved_plan(range(50), calls=50), "the calls that run have solved coefficients"),
    ],
)
def test_what_skipped_calls_do_is_told(spec: PlanSpec, others: str) -> None:
    each = msgspec.structs.replace(_timed(CHOSEN), facts=PlanFacts("n", spec, calls=50))
    record = search_record(tried=(BASE, each), chosen=each.id)
    told = {fact.name: fact.value for fact in view(record).chosen}

    assert "Steps" not in told
    assert told["Other calls"].removesuffix("; the calls that run have solved coefficients") == others
    assert column(view(record).candidates, "deep calls")[1] == f"{len(spec.deep)} / 50"
