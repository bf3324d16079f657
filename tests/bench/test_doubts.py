"""What raises a doubt, and what does not."""

from dataclasses import dataclass

import msgspec
import pytest
from tests.bench.records.made import BUNDLE, ENVIRONMENT, bench_record, plan_run

from accel_bench.doubts import bench_doubts
from accel_bench.records.bench import BenchRecord, ProfileUse
from accel_bench.records.parts import Doubt


@dataclass(frozen=True)
class Case:
    """A record, and the doubt that it must raise."""

    kind: str
    record: BenchRecord


def slowed(*factors: float) -> BenchRecord:
    return bench_record(plans=(plan_run("full", deep=10, shallow=0, slower=factors),))


QUIET = slowed(1.0, 1.001, 1.002, 1.0, 1.001, 1.003, 1.002)
CASES = (
    Case("random-weights", msgspec.structs.replace(QUIET, bundle=msgspec.structs.replace(BUNDLE, weights="random"))),
    Case(
        "other-load",
        msgspec.structs.replace(QUIET, environment=msgspec.structs.replace(ENVIRONMENT, load_average=1.5)),
    ),
    Case("unsteady-machine", msgspec.structs.replace(QUIET, yardstick_s=(0.01, 0.01, 0.012, 0.01))),
    Case("few-samples", slowed(1.0, 1.001, 1.0)),
    Case("outliers", slowed(1.0, 1.001, 1.002, 1.0, 1.001, 1.003, 1.9)),
    Case("wide-interval", slowed(1.0, 1.5, 0.8, 1.6, 0.9, 1.4)),
    Case("throttling", slowed(1.0, 1.01, 1.0, 1.1, 1.15, 1.15)),
    Case(
        "different-device",
        msgspec.structs.replace(QUIET, profile=ProfileUse("mi250", "", {}, comparable=False, instead=("cpu",))),
    ),
    Case("fall-back", msgspec.structs.replace(QUIET, doubts=(Doubt("fall-back", "", "seen", "do"),))),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_each_reason_is_told_with_advice(case: Case) -> None:
    found = [doubt for doubt in bench_doubts(case.record) if doubt.kind == case.kind]

    assert found
    assert all(doubt.text and doubt.advice for doubt in found)


def test_a_quiet_run_raises_none() -> None:
    assert bench_doubts(QUIET) == ()
