"""Numbers and sentences as a reader meets them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bench.report.records import bench_record, peer_run

from accel_bench.base.stats import Spread
from accel_bench.benchmark.summary import summarise
from accel_bench.report.verdicts import compare, verdicts
from accel_bench.report.words import Unit, certainty, digits, duration, spread


@given(st.floats(1e-9, 1e9))
def test_three_digits_are_within_half_a_percent(value: float) -> None:
    assert float(digits(value)) == pytest.approx(value, rel=0.0051)


@pytest.mark.parametrize(
    ("seconds", "text"), [(12.345, "12.3 s"), (0.85, "850 ms"), (0.00064, "640 µs"), (0.0, "0 s"), (123.4, "123 s")]
)
def test_durations_have_the_unit_that_fits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_one_unit_serves_large_and_small_values_together() -> None:
    assert Unit.fit([0.002, 2.7]).name == "ms"
    assert Unit.fit([0.5, 2.7]).name == "s"


def test_the_ends_of_an_interval_have_the_decimals_of_the_median() -> None:
    assert spread(Spread(0.85, 0.6715, 1.2345, 0.97, 1.0, 6)) == "0.850 [0.671 – 1.234]"


def test_brackets_are_called_an_interval_only_where_the_samples_are_enough() -> None:
    assert certainty(Spread.of([1.0] * 6)) == "the 95% interval of the median of 6 samples"
    assert "too few for an interval" in certainty(Spread.of([1.0, 2.0, 3.0]))


@pytest.mark.parametrize(
    ("samples", "before", "after"),
    [
        ([2.0] * 6, "a draws", "as fast as b [2.00 – 2.00]; so"),
        ([0.5] * 6, "a draws", "as fast as b [0.50 – 0.50]; so"),
        ([0.9, 1.0, 1.0, 1.0, 1.0, 1.1], "a is not shown to differ from b:", "as fast [0.90 – 1.10]; so"),
        ([2.0], "a draws", "as fast as b [2.00 – 2.00], the ends of 1 sample, too few for an interval; so"),
    ],
)
def test_a_verdict_claims_no_more_than_the_samples(samples: list[float], before: str, after: str) -> None:
    verdict = compare("a", Spread.of(samples), than="b", remark="so")

    assert (verdict.before, verdict.after) == (before, after)


def test_every_plan_meets_the_baseline_and_the_peer_meets_baseline_and_fastest() -> None:
    found = verdicts(summarise(bench_record(peers=(peer_run(),))))

    assert [verdict.before for verdict in found] == ["every:2 draws", "full draws", "every:2 draws"]
    assert [" as fast as diffusers " in f" {verdict.after}" for verdict in found] == [False, True, True]
