"""Charts of a search: what is drawn where."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from tests.bench.report.search_records import (
    BASE,
    CALLS,
    CHOSEN,
    DROPPED,
    FAST,
    FEWER_STEPS,
    UNIFORM,
    long_search,
    search_record,
    skips_search,
)
from tests.solved import solved_plan

from accel_bench.records.evaluation import Scores
from accel_bench.records.parts import PlanFacts
from accel_bench.records.search import Goal, Score, SearchRecord
from accel_bench.report.charts.call_strip import call_strip
from accel_bench.report.charts.search import search_charts
from accel_bench.report.charts.svg import Dot, Figure, Line, Rect, Text
from accel_bench.search.summary import summarise_search

# Of 80.5 it loses 8.
FAST_LOSS = 100 * 8 / 80.5

FAMILIES = ("full", "uniform", "solved", "power", "skips", "fewer steps", "moved")
SKIPPING = PlanFacts("solved", solved_plan((0, 4), shallow=(7,)), calls=10)


def charts(record: SearchRecord) -> dict[str, Figure]:
    drawn = search_charts("r", record, summarise_search(record))
    return {figure.name.removeprefix("r-"): figure for figure in drawn}


def dots(figure: Figure) -> list[Dot]:
    return [shape for shape in figure.shapes if isinstance(shape, Dot) and shape.kind != "ring"]


def lines(figure: Figure, kind: str) -> list[Line]:
    return [shape for shape in figure.shapes if isinstance(shape, Line) and shape.kind == kind]


def dot_of(figure: Figure, words: str) -> Dot:
    return next(dot for dot in dots(figure) if words in dot.label)


def along(figure: Figure, speedup: float) -> float:
    """Where a speed-up lies, from two dots whose speed-ups are known."""
    left, right = dot_of(figure, "25/50 deep"), dot_of(figure, "10/50 deep")
    slow, fast = (BASE.composed_s / each.composed_s for each in (UNIFORM, CHOSEN))
    return left.x + (speedup - slow) / (fast - slow) * (right.x - left.x)


def test_what_bfloat16_alone_does_is_a_line_in_the_charts_that_compare_with_the_baseline() -> None:
    found = charts(search_record(bfloat16=Scores((0.65025,) * 8, (1.0,) * 8, (0.004,) * 8, (80.0,) * 8, (True,) * 8)))

    told = {name: [line.label for line in lines(figure, "rounding")] for name, figure in found.items()}
    assert told == {"psnr": ["full in bfloat16: 50.0 dB"], "features": ["full in bfloat16: 0.00400"], "loss": []}
    (line,) = lines(found["psnr"], "rounding")
    assert line.y1 < min(dot.y for dot in dots(found["psnr"]))


def test_every_candidate_is_a_dot_but_the_baseline_has_no_psnr() -> None:
    found = charts(search_record())

    assert len(dots(found["psnr"])) == 6
    assert len(dots(found["features"])) == 7
    assert not any("50/50" in dot.label for dot in dots(found["psnr"]))


def test_dots_lie_at_their_composed_speed_up_and_a_better_one_lies_further_to_where_better_is() -> None:
    found = charts(search_record())

    for figure in found.values():
        fewer = dot_of(figure, "full full 25 steps")
        assert fewer.x == pytest.approx(along(figure, BASE.composed_s / FEWER_STEPS.composed_s))
    good, bad = dot_of(found["psnr"], "solved 10 calls"), dot_of(found["psnr"], "solved 5 calls")
    assert good.y < bad.y
    good, bad = dot_of(found["loss"], "solved 10 calls"), dot_of(found["loss"], "solved 5 calls")
    assert good.y > bad.y


def test_the_front_is_joined_from_the_slowest_to_the_fastest_and_alone_has_names_and_large_dots() -> None:
    figure = charts(search_record())["features"]

    joined = lines(figure, "front join")

    assert all((one.x2, one.y2) == (other.x1, other.y1) for one, other in pairwise(joined))
    large = sorted((dot for dot in dots(figure) if dot.radius == 5), key=lambda dot: dot.x)
    assert [dot.x for dot in large] == [joined[0].x1, *(line.x2 for line in joined)]
    names = {shape.text for shape in figure.shapes if isinstance(shape, Text) and shape.kind == "point"}
    assert names == {"50/50", "25/50", "10/50", "5/50"}


def test_what_was_chosen_has_a_ring() -> None:
    figure = charts(search_record())["psnr"]

    rings = [shape for shape in figure.shapes if isinstance(shape, Dot) and shape.kind == "ring"]

    chosen = dot_of(figure, "solved 10 calls")
    assert [(ring.x, ring.y) for ring in rings] == [(chosen.x, chosen.y)]
    none = charts(search_record(chosen=None))["psnr"]
    assert "ring" not in {shape.kind for shape in none.shapes} | {key.kind for key in none.legend}


def test_a_finalist_has_its_measured_speed_up_and_interval_at_its_height() -> None:
    figure = charts(search_record())["psnr"]
    factors = [slow / fast for slow, fast in zip(BASE.image_s, CHOSEN.image_s, strict=True)]

    y = dot_of(figure, "solved 10 calls").y
    (across,) = (line for line in lines(figure, "whisker") if line.y1 == line.y2 == y)

    # With six samples the interval's ends are the smallest and the largest.
    assert across.x1 == pytest.approx(along(figure, min(factors)))
    assert across.x2 == pytest.approx(along(figure, max(factors)))


def test_who_was_dropped_early_is_fainter_and_not_of_the_front() -> None:
    figure = charts(search_record())["psnr"]

    faint = [dot for dot in dots(figure) if "faint" in dot.kind]

    assert ["2 pictures" in dot.label for dot in faint] == [True]
    assert faint[0].radius < 5
    assert "faint" in {key.kind for key in figure.legend}
    assert "faint" not in {key.kind for key in charts(search_record(tried=(BASE, CHOSEN)))["psnr"].legend}


def test_the_bounds_of_the_goal_are_lines_at_their_values() -> None:
    goal = Goal(Score.EMOJI_CLIP, max_loss=0.05, speedup=2.0, min_psnr=30.0, max_feature_distance=0.2)

    found = charts(search_record(goal=goal))

    # What the baseline has, what 5 deep calls have, and the bound.
    for name, none, much, bound in (("loss", 0.0, FAST_LOSS, 5.0), ("features", 0.0, 0.4, 0.2)):
        start, end = dot_of(found[name], "50/50"), dot_of(found[name], "5 calls")
        level, upright = lines(found[name], "bound")
        reckoned = start.y + (bound - none) / (much - none) * (end.y - start.y)
        assert level.y1 == level.y2 == pytest.approx(reckoned)
        assert upright.x1 == upright.x2 == pytest.approx(along(found[name], 2.0))
    assert [line.label for line in lines(found["psnr"], "bound")] == [
        "the goal's bound: 30 dB",
        "the goal's bound: 2.00×",
    ]


def test_a_time_that_is_required_is_the_speed_up_that_it_needs() -> None:
    goal = Goal(Score.EMOJI_CLIP, seconds=BASE.composed_s / 2)

    (bound,) = lines(charts(search_record(goal=goal))["psnr"], "bound")

    assert bound.label == "the goal's bound: 2.00×"


def test_a_bound_far_from_all_candidates_is_told_and_does_not_squeeze_them() -> None:
    goal = Goal(Score.EMOJI_CLIP, max_loss=0.9, speedup=50.0)

    figure = charts(search_record(goal=goal))["loss"]

    assert lines(figure, "bound") == []
    assert "The goal's bound, 90%, lies beyond the chart." in figure.note
    assert "50.00×, lies beyond the chart" in figure.note


def test_candidates_far_above_the_bound_are_left_out_and_counted() -> None:
    figure = charts(search_record(goal=Goal(Score.EMOJI_CLIP, max_loss=0.01)))["loss"]

    # FAST loses 9.9%, DROPPED 22%, FEWER_STEPS 3.7%.
    assert "Not drawn: 3 candidates above 3.00%." in figure.note
    assert len(dots(figure)) == 4


def test_whatever_the_bound_half_of_the_candidates_and_all_finalists_are_drawn() -> None:
    figure = charts(search_record(goal=Goal(Score.EMOJI_CLIP, max_loss=0.0)))["loss"]

    assert len(dots(figure)) == 4
    assert dot_of(figure, "solved 10 calls")


@pytest.mark.parametrize("score", [score for score in Score if score not in (Score.CLIP, Score.FACTS)])
def test_every_score_has_a_chart_of_its_loss(score: Score) -> None:
    found = charts(search_record(goal=Goal(score, max_loss=0.05)))

    assert found["loss"].title == f"Loss of {score}"
    assert len(lines(found["loss"], "bound")) == 1


def test_the_first_chart_has_the_legend_of_all() -> None:
    first, *others = charts(search_record()).values()

    assert [key.text for key in first.legend] == [
        "full",
        "uniform",
        "solved",
        "power",
        "dropped after fewer pictures",
        "Pareto front",
        "chosen",
        "measured end to end",
        "bound of the goal",
    ]
    assert [figure.legend for figure in others] == [(), ()]


def test_plans_with_skipped_calls_and_runs_of_fewer_steps_have_colours_of_their_own() -> None:
    first = next(iter(charts(skips_search()).values()))

    kinds = {key.text: key.kind for key in first.legend}
    families = {family: kinds[family] for family in FAMILIES}

    assert len(set(families.values())) == len(FAMILIES)
    assert dot_of(first, "skips 10 of 50").kind == families["skips"]
    assert dot_of(first, "fewer steps full dpmpp_2m 10 steps").kind == families["fewer steps"]


def test_a_plan_with_skipped_calls_says_what_runs_deep_and_what_shallow() -> None:
    first = next(iter(charts(skips_search()).values()))

    labels = {shape.text for shape in first.shapes if isinstance(shape, Text) and shape.kind == "point"}

    assert {"6+3/50", "10/50"} <= labels
    assert ", 6/50 deep, 3 shallow, 41 skipped: " in dot_of(first, "skips 9 of 50").label
    assert ", 10/50 deep, 40 skipped: " in dot_of(first, "skips 10 of 50").label


def test_eighty_candidates_are_eighty_dots_with_few_names_that_keep_off_each_other() -> None:
    record = long_search(80)
    front = [each for each in summarise_search(record) if each.in_front]

    figure = charts(record)["features"]

    assert len(dots(figure)) == 80
    names = [shape for shape in figure.shapes if isinstance(shape, Text) and shape.kind == "point"]
    assert 4 <= len(names) <= len(front) < 30
    assert _overlaps(names, width=300) == 0


def _overlaps(names: Sequence[Text], *, width: float) -> int:
    """Pairs of names that lie on each other on a chart of ``width`` pixels, at 6 pixels a letter."""
    boxes = []
    for name in names:
        start = name.x * width / 100 + name.shift - (6 * len(name.text) if name.anchor == "end" else 0)
        boxes.append((start, name.y, start + 6 * len(name.text)))
    pairs = [(one, other) for index, one in enumerate(boxes) for other in boxes[:index]]
    return sum(abs(a[1] - b[1]) < 10 and a[0] < b[2] and b[0] < a[2] for a, b in pairs)


def test_the_calls_of_a_plan_are_blocks_of_one_width_in_their_order() -> None:
    figure = call_strip("calls", "Its calls", CHOSEN.facts)

    blocks = [shape for shape in figure.shapes if isinstance(shape, Rect)]
    assert [index for index, block in enumerate(blocks) if "deep" in block.kind] == list(CHOSEN.facts.deep_calls)
    assert [block.x for block in blocks] == pytest.approx([2 * index for index in range(CALLS)])
    assert {block.width for block in blocks} == {2.0}
    assert lines(figure, "whisker") == []


def test_guided_calls_are_underlined_where_not_all_are() -> None:
    (line,) = lines(call_strip("calls", "Its calls", FAST.facts), "whisker")

    assert (line.x1, line.x2) == (0, 50)


def test_the_description_tells_the_front_and_what_was_chosen() -> None:
    text = charts(search_record())["features"].description

    assert text.startswith("7 candidates. The front, slowest first: full full, 50/50 deep: 1.00×")
    assert text.count("chosen") == 1
    assert f"{len(DROPPED.scores.ssim)} pictures" not in text


def test_skipped_calls_are_low_blocks_of_a_kind_of_their_own() -> None:
    figure = call_strip("calls", "Its calls", SKIPPING)

    blocks = [shape for shape in figure.shapes if isinstance(shape, Rect)]
    kinds = [block.kind.removeprefix("block ") for block in blocks]
    assert [index for index, kind in enumerate(kinds) if kind == "skipped"] == list(SKIPPING.plan.skip)
    assert [index for index, kind in enumerate(kinds) if kind == "shallow"] == [7]
    low, high = (
        {(b.height, b.y + b.height) for b in blocks if ("skipped" in b.kind) is skips} for skips in (True, False)
    )
    assert ({bottom for _, bottom in low}, max(low) < min(high)) == ({bottom for _, bottom in high}, True)
    assert [key.text for key in figure.legend] == ["deep calls", "shallow calls", "skipped calls"]
    assert figure.description == "10 calls, deep are 0, 4, shallow are 7, 7 are skipped"


def test_a_plan_that_runs_all_its_calls_has_no_skipped_ones_in_its_legend() -> None:
    assert [key.text for key in call_strip("calls", "Its calls", CHOSEN.facts).legend] == [
        "deep calls",
        "shallow calls",
    ]
