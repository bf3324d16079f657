"""What is told of raw scores and times."""

import msgspec
import pytest
from tests.bench.records.made import evaluation_record, trial_run
from tests.solved import solved_plan

from accel_bench.evaluation.summary import summarise_evaluation
from accel_bench.evaluation.table import markdown_table, terminal_table
from accel_bench.records.evaluation import EvaluationRecord, Scores

SAME = Scores((0.0, 0.0), (1.0, 1.0), (0.0, 0.0), (30.0, 50.0), (True, True))
CACHED = Scores((65.025, 0.0), (0.5, 0.75), (0.25, 0.5), (29.0, 47.0), (True, False))

FULL = trial_run("full", SAME)
EVERY = trial_run("every:4", CACHED, batch_s=(2.0, 2.0, 3.0), deep="every:4", branch=1)


def test_the_baseline_is_compared_with_itself() -> None:
    (full,) = summarise_evaluation(evaluation_record(FULL))

    assert (full.speedup.median, full.speedup.low, full.speedup.high) == (1.0, 1.0, 1.0)
    assert (full.psnr, full.ssim, full.feature_distance, full.score_loss) == (None, 1.0, 0.0, 0.0)
    assert full.emoji_clip == 40.0


def test_the_speed_up_compares_batch_with_batch() -> None:
    _, cached = summarise_evaluation(evaluation_record(FULL, EVERY))

    assert (cached.speedup.median, cached.speedup.low, cached.speedup.high) == (3.0, 2.0, 3.0)
    assert (cached.deep, cached.calls) == (1, 4)


def test_scores_are_means_over_pictures_and_psnr_is_of_the_mean_error() -> None:
    _, cached = summarise_evaluation(evaluation_record(FULL, EVERY))

    assert cached.psnr == pytest.approx(33.0103, abs=1e-4)
    assert (cached.ssim, cached.feature_distance) == (0.625, 0.375)
    assert (cached.emoji_clip, cached.colour_accuracy) == (38.0, 0.5)


def test_the_loss_is_relative_to_the_baseline_and_its_error_is_of_pairs() -> None:
    _, cached = summarise_evaluation(evaluation_record(FULL, EVERY))

    assert cached.score_loss == pytest.approx(2 / 40)  # lost are 1 and 3
    assert cached.score_loss_error == pytest.approx(1 / 40)  # their deviation is √2, over √2


def test_a_baseline_that_scores_nothing_has_no_loss() -> None:
    nothing = msgspec.structs.replace(SAME, emoji_clip=(1.0, -2.0))
    full, cached = summarise_evaluation(evaluation_record(trial_run("full", nothing), EVERY))

    assert (full.score_loss, cached.score_loss, cached.score_loss_error) == (None, None, None)


def test_scenes_are_judged_by_their_facts() -> None:
    right, wrong = (
        Scores((0.0, 0.0), (1.0, 1.0), (0.0, 0.0), (), (), facts=facts) for facts in ((1.0, 0.6), (0.9, 0.5))
    )
    _, cached = summaries = summarise_evaluation(
        evaluation_record(trial_run("full", right), trial_run("every:4", wrong))
    )

    assert cached.score_loss == pytest.approx(0.1 / 0.8)
    assert (cached.emoji_clip, cached.colour_accuracy) == (None, None)
    headings = [column.heading for column in terminal_table(summaries, "").columns]
    assert "facts right" in headings
    assert {"emoji-clip", "colour right"}.isdisjoint(headings)


def test_a_single_picture_has_a_loss_without_an_error() -> None:
    one = Scores((0.0,), (1.0,), (0.0,), (30.0,), (True,))
    worse = msgspec.structs.replace(one, emoji_clip=(27.0,))
    _, cached = summarise_evaluation(evaluation_record(trial_run("full", one), trial_run("every:4", worse)))

    assert cached.score_loss == pytest.approx(0.1)
    assert cached.score_loss_error is None


def test_the_record_is_read_back_as_it_was_written() -> None:
    written = evaluation_record(FULL, EVERY)

    assert msgspec.json.decode(msgspec.json.encode(written), type=EvaluationRecord) == written


def test_weights_steps_and_guided_calls_show_in_the_tables() -> None:
    solved = trial_run("solved", CACHED, deep="every:4", branch=1, weights={1: (0.9,)}, steps=3, guided_calls=(0, 1))

    table = markdown_table(summarise_evaluation(evaluation_record(FULL, solved)), "T")

    assert "| every:4 3 steps guided 0-1 | 1 | weights |" in table


def test_both_tables_show_one_row_per_trial_with_the_same_cells() -> None:
    summaries = summarise_evaluation(evaluation_record(FULL, EVERY))
    title, _, heading, rule, full, cached = markdown_table(summaries, "what").splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in (heading, rule, full, cached)]
    table = terminal_table(summaries, "what")

    assert title == "what"
    assert {len(row) for row in cells} == {len(table.columns)}
    assert [list(row) for row in table.rows] == cells[2:]
    assert cells[2][:6] == ["full", "–", "–", "4/4", "1.00× [1.00 – 1.00]", "same"]
    assert cells[3][:6] == ["every:4", "1", "hold", "1/4", "3.00× [2.00 – 3.00]", "33.01"]
    assert cells[3][6:] == ["0.6250", "0.3750", "38.00", "5.00% ± 2.50%", "50.0%"]


def test_a_plan_with_skipped_calls_is_told_by_how_many_run_and_how_many_are_skipped() -> None:
    solved = trial_run("solved", CACHED, **msgspec.structs.asdict(solved_plan((0, 2), calls=4)))
    _, skipping = summaries = summarise_evaluation(evaluation_record(FULL, solved))

    assert skipping.plan.startswith("2 of 4 calls solved-")
    assert (skipping.branch, skipping.forecast) == (None, None)
    assert (skipping.deep, skipping.skipped, skipping.calls) == (2, 2, 4)
    assert "| 2/4, 2 skipped |" in markdown_table(summaries, "")
