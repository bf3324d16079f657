"""The loads that a command line asks for."""

import re
from typing import Final

from accel_bench.records.bounds import MOST_WORKERS
from accel_bench.records.scenario import Load, Scenario
from accel_runtime.errors import InputError
from accel_runtime.request import MOST_IMAGES

_BATCHES: Final = {Scenario.SINGLE_STREAM: "1", Scenario.OFFLINE: "1,4,8", Scenario.SERVER: "4"}
_BOUND_S: Final = 2.0
# MLPerf asks for 99 %, which takes 662 queries to show (its early stopping) instead of 64.
_PERCENTILE: Final = 0.9


def make_loads(
    scenario: Scenario,
    *,
    batches: str | None,
    workers: str | None,
    queries: int,
    duration_s: float,
    qps: str | None,
    latency_bound_s: float | None,
    percentile: float | None,
) -> tuple[Load, ...]:
    """One load per batch size and number of workers; None takes the scenario's default, and all workers.

    Raises:
        InputError: A value is out of range, or this scenario has no such value.
    """
    given = {"qps": qps, "latency bound": latency_bound_s, "percentile": percentile}
    server = scenario is Scenario.SERVER
    if not server and (foreign := [name for name, value in given.items() if value is not None]):
        raise InputError(f"{foreign[0]}: only the server scenario has one, got {scenario}: leave it out")
    if queries < 1:
        raise InputError(f"queries: expected 1 or more, got {queries}")
    if not 0 <= duration_s < float("inf"):
        raise InputError(f"duration: expected 0 or more seconds, got {duration_s:g}")
    bound = _BOUND_S if latency_bound_s is None else latency_bound_s
    share = _PERCENTILE if percentile is None else percentile
    if not 0 < bound < float("inf"):
        raise InputError(f"latency bound: expected seconds above 0, got {bound:g}")
    if not 0 < share < 1:
        raise InputError(f"percentile: expected a share between 0 and 1, such as 0.99, got {share:g}")
    return tuple(
        Load(
            scenario=scenario,
            queries=queries,
            duration_s=duration_s,
            batch=size,
            qps=_rate(qps or "auto") if server else None,
            latency_bound_s=bound if server else None,
            percentile=share if server else None,
            workers=count,
        )
        for size in _sizes(scenario, batches or _BATCHES[scenario])
        for count in ((None,) if workers is None else _workers(workers))
    )


def _sizes(scenario: Scenario, text: str) -> tuple[int, ...]:
    sizes = _numbers(text, option="batch", of="sizes", such_as="1,4,8")
    if max(sizes) > MOST_IMAGES:
        raise InputError(f"batch: expected at most {MOST_IMAGES} images at a time, got {max(sizes)}")
    if scenario is Scenario.SINGLE_STREAM and sizes != (1,):
        raise InputError(f"batch: single-stream asks for one image at a time, got {text}: leave it out")
    return sizes


def _workers(text: str) -> tuple[int, ...]:
    counts = _numbers(text, option="workers", of="numbers", such_as="1,2")
    if max(counts) > MOST_WORKERS:
        raise InputError(f"workers: expected at most {MOST_WORKERS}, got {max(counts)}")
    return counts


def _numbers(text: str, *, option: str, of: str, such_as: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[1-9][0-9]{0,9}(,[1-9][0-9]{0,9})*", text):
        raise InputError(f"{option}: expected {of} of 1 or more by commas, such as {such_as}, got {text!r}")
    return tuple(dict.fromkeys(int(part) for part in text.split(",")))


def _rate(text: str) -> float | None:
    """None leaves it to what single images take."""
    if text == "auto":
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise InputError(f"qps: expected auto or queries per second above 0, got {text!r}")
    return rate
