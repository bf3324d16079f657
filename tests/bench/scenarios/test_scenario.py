"""Plans under MLPerf's own load generator, on the small bundle."""

import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from signal import SIGINT
from time import monotonic, sleep

import pytest
from tests.command import accel, assert_refused

from accel_bench.records.scenario import Scenario, ScenarioRecord, ScenarioRun
from accel_bench.records.store import read_record
from accel_bench.scenarios.loads import make_loads
from accel_bench.scenarios.summary import essentials, summarise_scenarios
from accel_runtime.errors import InputError

QUICK = ("--steps", "2", "--threads", "1")


def start(*arguments: str | Path, cwd: Path) -> subprocess.Popen[str]:
    # A shell's background jobs, and so these tests in one, would hand on that SIGINT is ignored.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import accel_bench.__main__"
    command = [sys.executable, "-c", code, "bench", "scenario", *map(str, arguments)]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(*arguments: str | Path, cwd: Path) -> tuple[int, str, str]:
    with start(*arguments, cwd=cwd) as process:
        output, errors = process.communicate(timeout=120)
        return process.returncode, output, errors


def record_of(*arguments: str | Path, cwd: Path) -> tuple[ScenarioRecord, str]:
    code, output, errors = run(*arguments, "-o", "record.json", "--logs", "logs", cwd=cwd)
    assert code == 0, errors
    record = read_record(cwd / "record.json")
    assert isinstance(record, ScenarioRecord)
    return record, output


def assert_complete(one: ScenarioRun) -> None:
    """Asked at least as often as agreed, answered each time, and never in too large a batch."""
    sizes = Counter(query.batch for query in one.queries)

    assert len(one.queries) >= one.load.queries
    assert set(sizes) == set(range(len(sizes)))
    assert max(sizes.values()) <= one.load.batch
    assert "errors encountered" not in one.summary.replace("No errors encountered", "")


def test_single_stream_asks_one_at_a_time_and_agrees_with_our_own_clock(bundle_folder: Path, tmp_path: Path) -> None:
    options = ("--queries", "64", "--plan", "every:2", *QUICK)
    record, output = record_of(bundle_folder, *options, cwd=tmp_path)
    first, second = record.runs

    assert [each.facts.name for each in record.runs] == ["full", "every:2 k=0 hold"]
    for each, summary in zip(record.runs, summarise_scenarios(record), strict=True):
        assert_complete(each)
        ours = sorted(query.ended_s - query.asked_s for query in each.queries)
        assert summary.latency_s[50] == pytest.approx(ours[len(ours) // 2], rel=0.1, abs=0.002)
        assert summary.valid, summary.reason
        assert essentials(each) in output
    assert all(later.asked_s >= earlier.ended_s for earlier, later in pairwise(first.queries))
    assert summarise_scenarios(record)[1].of_full is not None
    assert second.facts.deep_calls == (0,)
    logs = tmp_path / "logs" / "single-stream-every-2-k-0-hold-batch-1"
    assert (logs / "mlperf_log_summary.txt").read_text() == second.summary


def test_offline_hands_over_everything_at_once_and_fills_the_batches(bundle_folder: Path, tmp_path: Path) -> None:
    options = ("--scenario", "offline", "--batch", "1,3", "--queries", "7", *QUICK)
    record, _ = record_of(bundle_folder, *options, cwd=tmp_path)

    assert [each.load.batch for each in record.runs] == [1, 3]
    for each in record.runs:
        assert_complete(each)
        assert {query.asked_s for query in each.queries} == {0.0}
        sizes = list(Counter(query.batch for query in each.queries).values())
        assert set(sizes[:-1]) == {each.load.batch}
    for summary in summarise_scenarios(record):
        assert summary.valid, summary.reason


def test_a_server_that_is_asked_too_much_batches_and_is_called_invalid(bundle_folder: Path, tmp_path: Path) -> None:
    options = ("--scenario", "server", "--qps", "5000", "--latency-bound", "0.001", "--batch", "4", "--queries", "30")
    record, output = record_of(bundle_folder, *options, *QUICK, cwd=tmp_path)
    (only,) = record.runs
    (summary,) = summarise_scenarios(record)

    assert_complete(only)
    assert only.load.qps == 5000
    assert summary.mean_batch > 2
    assert len({query.asked_s for query in only.queries}) > 1
    assert not summary.valid
    assert "Reduce target QPS" in summary.reason
    assert "INVALID" in output


def test_a_server_left_alone_is_asked_seven_tenths_of_what_single_images_allow(
    bundle_folder: Path, tmp_path: Path
) -> None:
    record, _ = record_of(bundle_folder, "--scenario", "server", "--queries", "5", *QUICK, cwd=tmp_path)
    (only,) = record.runs

    assert only.load.qps == pytest.approx(0.7 / sorted(only.alone_s)[1])


@pytest.mark.parametrize("text", ['["a cat", " a dog ", ""]', "# mine\na cat\n\na dog\n"])
def test_prompts_come_from_a_file_of_any_form(bundle_folder: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "mine").write_text(text)

    record, _ = record_of(bundle_folder, "--prompts", "mine", "--queries", "2", *QUICK, cwd=tmp_path)

    assert record.prompts == ("a cat", "a dog")


def test_a_pipeline_that_fails_ends_in_one_line(bundle_folder: Path, tmp_path: Path) -> None:
    code, output, errors = run(bundle_folder, "--guidance", "1e38", "--logs", "logs", *QUICK, cwd=tmp_path)

    assert code == 1
    assert output == ""
    assert errors.startswith("accel: call ")
    assert "NaN or infinite" in errors
    assert len(errors.splitlines()) == 1
    assert not list((tmp_path / "logs").iterdir())


def test_a_failure_under_load_ends_the_process_while_the_generator_still_waits(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from accel_bench.records.scenario import Load, Scenario
from accel_bench.scenarios.child import under_load
def draw(turn):
    global drawn
    drawn += 1
    if drawn == 4: raise RuntimeError("no picture")
done = drawn = 0
load = Load(Scenario.OFFLINE, 10, 0.0, 1, None, None, None)
try:
    for _ in under_load([draw], load, samples=2, image_s=0.01, folder=Path(".")): done += 1
except RuntimeError as error:
    print(done, error, flush=True); os._exit(3)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.returncode, done.stdout) == (3, "3 no picture\n")


def test_an_interrupt_ends_the_generator_too_and_keeps_nothing(bundle_folder: Path, tmp_path: Path) -> None:
    arguments = (bundle_folder, "--queries", "1000000", "--logs", "logs", *QUICK)
    with start(*arguments, cwd=tmp_path) as process:
        deadline = monotonic() + 60
        while not list(tmp_path.rglob("mlperf_log_detail.txt")) and monotonic() < deadline:
            sleep(0.1)
        process.send_signal(SIGINT)
        output, errors = process.communicate(timeout=30)

    assert process.returncode == 130
    assert (output, errors) == ("", "accel: interrupted, nothing was kept\n")
    assert not list((tmp_path / "logs").iterdir())


def test_without_the_load_generator_the_extra_is_named(
    bundle_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlperf_loadgen", None)

    assert_refused(accel("bench", "scenario", bundle_folder, cwd=tmp_path), "accel-sd[loadgen]", code=2)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (Scenario.OFFLINE, {"qps": "3"}, "only the server"),
        (Scenario.SINGLE_STREAM, {"latency_bound_s": 1.0}, "only the server"),
        (Scenario.SINGLE_STREAM, {"batches": "1,2"}, "one image at a time"),
        (Scenario.OFFLINE, {"batches": "0"}, "batch: expected"),
        (Scenario.OFFLINE, {"batches": "2,"}, "batch: expected"),
        (Scenario.OFFLINE, {"workers": "0"}, "workers: expected"),
        (Scenario.OFFLINE, {"workers": "2,100001"}, "workers: expected at most 100000, got 100001"),
        (Scenario.OFFLINE, {"queries": 0}, "queries: expected"),
        (Scenario.OFFLINE, {"duration_s": float("nan")}, "duration: expected"),
        (Scenario.SERVER, {"qps": "0"}, "qps: expected"),
        (Scenario.SERVER, {"qps": "fast"}, "qps: expected"),
        (Scenario.SERVER, {"latency_bound_s": 0.0}, "latency bound: expected"),
        (Scenario.SERVER, {"percentile": 99.0}, "percentile: expected"),
    ],
)
def test_loads_that_cannot_be_are_refused(kind: Scenario, options: dict[str, object], message: str) -> None:
    defaults = {"batches": None, "workers": None, "queries": 4, "duration_s": 0.0, "qps": None, "latency_bound_s": None}

    with pytest.raises(InputError, match=message):
        make_loads(kind, **{**defaults, "percentile": None, **options})  # type: ignore[arg-type]
