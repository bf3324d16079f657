"""Charts: what is drawn where."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bench.report.records import CACHED, FULL, ROUNDS, bench_record, image, peer_run, plan_run

from accel_bench.base.stats import Spread
from accel_bench.benchmark.summary import summarise
from accel_bench.records.bench import ImageRun
from accel_bench.report.charts.axis import Axis
from accel_bench.report.charts.bars import Bar, peer_bar, plan_bar, stage_bars
from accel_bench.report.charts.plane import Known
from accel_bench.report.charts.scatter import Point, scatter
from accel_bench.report.charts.strips import strips
from accel_bench.report.charts.svg import Dot, Figure, Line, Rect, Shape, Text
from accel_bench.report.charts.timeline import Track, median_image, timeline, tracks

SECONDS = st.floats(1e-5, 1e4)
STAGE_PARTS = st.fixed_dictionaries(dict.fromkeys(("text", "deep", "shallow", "vae"), SECONDS))


def rects(figure: Figure) -> list[Rect]:
    return [shape for shape in figure.shapes if isinstance(shape, Rect)]


def bar(parts: dict[str, float], limit_s: float | None = None) -> Bar:
    return Bar("a plan", parts, Spread.of([sum(parts.values())]), limit_s)


@given(st.lists(STAGE_PARTS, min_size=1, max_size=4))
def test_bars_are_as_long_as_their_seconds_whatever_bar_they_are_in(plans: list[dict[str, float]]) -> None:
    drawn = rects(stage_bars("bars", [bar(parts) for parts in plans]))

    seconds = [value for parts in plans for value in parts.values()]
    longest = max(sum(parts.values()) for parts in plans)
    assert [rect.width for rect in drawn] == pytest.approx([100 * value / longest for value in seconds])


@given(STAGE_PARTS)
def test_parts_of_a_bar_follow_each_other_without_gap_inside_the_chart(parts: dict[str, float]) -> None:
    drawn = rects(stage_bars("bars", [bar(parts)]))

    assert [rect.kind for rect in drawn] == list(parts)
    assert drawn[0].x == 0
    assert all(left.x + left.width == pytest.approx(right.x) for left, right in pairwise(drawn))
    assert drawn[-1].x + drawn[-1].width == pytest.approx(100)


def test_the_limit_is_drawn_at_its_seconds_and_only_where_it_is_known() -> None:
    with_limit = stage_bars("bars", [bar({"deep": 4.0}, limit_s=1.0), bar({"deep": 2.0})])

    limits = [shape for shape in with_limit.shapes if isinstance(shape, Line) and shape.kind == "limit"]
    assert [line.x1 for line in limits] == [25.0]
    assert "limit" in {key.kind for key in with_limit.legend}
    assert "limit" not in {key.kind for key in stage_bars("bars", [bar({"deep": 2.0})]).legend}


def test_a_limit_beyond_the_bar_is_still_on_the_chart() -> None:
    figure = stage_bars("bars", [bar({"deep": 1.0}, limit_s=4.0)])

    assert [shape.x1 for shape in figure.shapes if isinstance(shape, Line) and shape.kind == "limit"] == [100.0]
    assert rects(figure)[0].width == 25.0


def test_a_plan_s_bar_holds_the_medians_of_its_stages() -> None:
    cached = summarise(bench_record()).plans[1]

    parts = plan_bar(cached, None).parts

    middle = 1.25
    assert parts["deep"] == pytest.approx(2 * 0.2 * middle)
    assert parts["shallow"] == pytest.approx(2 * 0.02 * middle)
    assert parts["update"] == pytest.approx(4 * 0.005 * middle)
    assert sum(parts.values()) == pytest.approx(cached.image_s.median)


def test_of_a_peer_the_unet_is_told_from_the_rest() -> None:
    record = bench_record(peers=(peer_run(),))

    parts = peer_bar(summarise(record).peers[0], record.peers[0]).parts

    assert parts == pytest.approx({"deep": 1.2, "other": 2.0 * 1.25 - 1.2})


def test_the_timeline_shows_every_call_at_its_time() -> None:
    run = image(CACHED)

    drawn = [
        rect
        for rect in rects(timeline("calls", [Track("every:2", run, bench_record().bundle.parts)]))
        if rect.kind != "idle"
    ]

    kinds = ["text", "deep", "shallow", "deep", "shallow", "vae"]
    assert [rect.kind for rect in drawn] == [f"block {kind}" for kind in kinds]
    spans = [span for span in run.spans if span.name != "denoise"]
    assert [rect.x for rect in drawn] == pytest.approx([100 * span.start_s / run.seconds for span in spans])
    assert [rect.width for rect in drawn] == pytest.approx([100 * span.seconds / run.seconds for span in spans])


def test_the_timeline_is_of_the_image_of_median_time() -> None:
    chosen = median_image(plan_run(FULL).images)

    assert chosen.seconds == pytest.approx(sorted(ROUNDS)[2] * image(FULL).seconds)


def test_a_contender_that_tells_no_spans_has_no_timeline() -> None:
    silent = msgspec.structs.replace(peer_run("silent"), images=(ImageRun(1.0, ()),) * 6)

    found = tracks(bench_record(peers=(peer_run("diffusers"), silent)))

    assert [track.name for track in found] == ["full", "every:2", "diffusers"]


@given(st.lists(SECONDS, min_size=1, max_size=20))
def test_every_sample_is_a_dot_inside_the_chart(seconds: list[float]) -> None:
    figure = strips("strips", {"full": seconds}, yardstick="yardstick")

    dots = [shape for shape in figure.shapes if isinstance(shape, Dot)]
    assert len(dots) == len(seconds)
    assert all(0 <= dot.x <= 100 and 0 <= dot.y <= figure.height for dot in dots)
    assert [dot.y for dot in dots] == sorted(dot.y for dot in dots)


def test_samples_lie_right_of_the_median_by_as_much_as_they_are_slower() -> None:
    figure = strips("strips", {"full": [1.0, 1.1, 0.9], "yardstick": [5.0, 5.5, 5.0]}, yardstick="yardstick")

    full = [shape.x for shape in figure.shapes if isinstance(shape, Dot) and shape.kind == "sample"]
    yardstick = [shape.x for shape in figure.shapes if isinstance(shape, Dot) and shape.kind == "yardstick"]
    assert full == pytest.approx([50.0, full[1], 100 - full[1]])
    assert yardstick == pytest.approx([50.0, full[1], 50.0])


def points() -> list[Point]:
    near = Known(2.0, 1.5, 2.5)
    return [
        Point("hold", "every:2", "every:2 hold", near, Known(40.0, 39.0, 41.0)),
        Point("hold", "every:5", "every:5 hold", Known(4.0, 3.0, 4.5), Known(30.0, 29.0, 31.0)),
        Point("linear", "every:2", "every:2 linear", near, Known(40.1, 39.0, 41.0)),
    ]


def test_a_better_score_is_higher_and_a_faster_plan_further_right() -> None:
    figure = scatter("psnr", "PSNR", points(), series=["hold", "linear"], better="up")

    slow, fast, _ = (shape for shape in figure.shapes if isinstance(shape, Dot))
    assert slow.x < fast.x
    assert slow.y < fast.y


def test_error_bars_go_through_their_dot() -> None:
    figure = scatter("psnr", "PSNR", points()[1:2], series=["hold"], better="up")

    (dot,) = (shape for shape in figure.shapes if isinstance(shape, Dot))
    across, upright = (shape for shape in figure.shapes if isinstance(shape, Line) and "error" in shape.kind)
    assert across.x1 < dot.x < across.x2
    assert across.y1 == across.y2 == dot.y
    assert upright.x1 == upright.x2 == dot.x
    assert upright.y2 < dot.y < upright.y1


def test_a_series_has_its_colour_also_where_others_have_no_points() -> None:
    both = scatter("psnr", "PSNR", points(), series=["hold", "linear"], better="up")
    one = scatter("psnr", "PSNR", points()[2:], series=["hold", "linear"], better="up")

    assert [(key.text, key.kind) for key in one.legend] == [("linear", "series1")]
    assert [shape.kind for shape in one.shapes if isinstance(shape, Dot)] == ["series1"]
    assert [(key.text, key.kind) for key in both.legend] == [("hold", "series0"), ("linear", "series1")]


def test_labels_give_way_to_each_other() -> None:
    figure = scatter("psnr", "PSNR", points() * 4, series=["hold", "linear"], better="up")

    labels = [shape for shape in figure.shapes if isinstance(shape, Text) and shape.kind == "point"]
    assert len(labels) < 12
    assert len({(label.x, label.y, label.anchor) for label in labels}) == len(labels)


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_few_and_on_the_axis(low: float, length: float) -> None:
    axis = Axis(low, low + max(length, abs(low) * 1e-6))

    ticks = axis.ticks()

    assert 2 <= len(ticks) <= 6
    assert all(-1e-6 <= axis.part(tick) <= 1 + 1e-6 for tick in ticks)


@pytest.mark.parametrize("values", [(0.0, 0.0), (5.0, 5.0), (-1.0, -1.0)])
def test_an_axis_around_a_single_value_has_room(values: tuple[float, float]) -> None:
    assert Axis.around(*values).part(values[0]) == pytest.approx(0.5)


def test_what_a_shape_says_is_escaped() -> None:
    shapes: list[Shape] = [
        Rect(0, 0, 1, 1, "deep", "<b>"),
        Line(0, 0, 1, 1, "grid", "<b>"),
        Dot(0, 0, "sample", "<b>"),
        Text(0, 0, "<b>"),
    ]

    assert all("&lt;b&gt;" in shape.__html__() for shape in shapes)
    assert not any("<b>" in shape.__html__() for shape in shapes)
