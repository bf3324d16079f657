"""MLPerf's load generator (package `mlcommons-loadgen`): its settings, its run, its results."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import mlperf_loadgen
import msgspec

from accel_bench.records.scenario import Load, Scenario
from accel_runtime.errors import BackendError

SUMMARY: Final = "mlperf_log_summary.txt"
DETAIL: Final = "mlperf_log_detail.txt"
_SCENARIOS: Final = {
    Scenario.SINGLE_STREAM: mlperf_loadgen.TestScenario.SingleStream,
    Scenario.OFFLINE: mlperf_loadgen.TestScenario.Offline,
    Scenario.SERVER: mlperf_loadgen.TestScenario.Server,
}
_LINE: Final = ":::MLLOG "
_NANO: Final = 1_000_000_000


def ask(
    load: Load, ask_for: Callable[[Sequence[tuple[int, int]]], None], *, samples: int, image_s: float, folder: Path
) -> None:
    """Run the load generator until it has asked for everything and everything was answered.

    It cannot be stopped; to give up, end the process.

    Args:
        load: Load that it creates.
        ask_for: Called on a thread of the generator's with keys and numbers of samples; it must return at once.
        samples: Number of samples to choose from.
        image_s: Seconds that one image takes about; they set how many queries the generator prepares.
        folder: Folder for its logs.
    """
    settings, log = _settings(load, image_s=image_s), mlperf_loadgen.LogSettings()
    log.log_output.outdir = str(folder)
    log.log_output.copy_summary_to_stdout = False
    log.enable_trace = False
    with _library(samples) as library, _system(ask_for) as system:
        # The last argument names the configuration of an audit; there is none.
        mlperf_loadgen.StartTestWithLogSettings(system, library, settings, log, "")


def answer(keys: Sequence[int]) -> None:
    """Tell the load generator that samples are done. It only takes the time, so no picture is handed over."""
    mlperf_loadgen.QuerySamplesComplete([mlperf_loadgen.QuerySampleResponse(key, 0, 0) for key in keys])


def read_results(folder: Path) -> dict[str, str | int | float | bool]:
    """The results and errors in the detailed log, by the generator's own keys.

    Raises:
        BackendError: The log is missing or unreadable.
    """
    results: dict[str, str | int | float | bool] = {}
    try:
        for line in (folder / DETAIL).read_text().splitlines():
            entry: dict[str, Any] = msgspec.json.decode(line.removeprefix(_LINE))
            if entry["key"].startswith(("result_", "early_stopping_", "error_")):
                results[entry["key"]] = entry["value"]
    except (OSError, msgspec.DecodeError, KeyError) as error:
        raise BackendError(f"the load generator's log {DETAIL} cannot be read: {error}") from error
    return results


def _settings(load: Load, *, image_s: float) -> Any:
    settings = mlperf_loadgen.TestSettings()
    settings.mode = mlperf_loadgen.TestMode.PerformanceOnly
    settings.scenario = _SCENARIOS[load.scenario]
    settings.min_query_count = load.queries
    settings.min_duration_ms = round(load.duration_s * 1000)
    # Half of it: where images are faster than expected, the generator prepares too few queries and stops too early.
    settings.single_stream_expected_latency_ns = round(image_s / 2 * _NANO)
    settings.offline_expected_qps = 1 / image_s
    if load.scenario is Scenario.SERVER:
        settings.server_target_qps = load.qps
        settings.server_target_latency_ns = round((load.latency_bound_s or 0) * _NANO)
        settings.server_target_latency_percentile = load.percentile
    return settings


@contextmanager
def _library(samples: int) -> Iterator[int]:
    """The generator's samples to choose from; prompts need no loading."""
    library = mlperf_loadgen.ConstructQSL(samples, samples, lambda _samples: None, lambda _samples: None)
    try:
        yield library
    finally:
        mlperf_loadgen.DestroyQSL(library)


@contextmanager
def _system(ask_for: Callable[[Sequence[tuple[int, int]]], None]) -> Iterator[int]:
    system = mlperf_loadgen.ConstructSUT(
        lambda samples: ask_for([(sample.id, sample.index) for sample in samples]), lambda: None
    )
    try:
        yield system
    finally:
        mlperf_loadgen.DestroySUT(system)
