"""From finished runs to their record."""

from collections.abc import Sequence
from importlib.metadata import version

from accel_bench.plans.prepare import Settings
from accel_bench.plans.workload import workload_of
from accel_bench.records.environment import Environment
from accel_bench.records.head import make_head
from accel_bench.records.scenario import ScenarioRecord
from accel_bench.records.store import seal
from accel_bench.scenarios.process import Finished
from accel_runtime.bundle.bundle import Bundle
from accel_runtime.schedules.schedule import ScheduleTable


def make_scenario_record(
    bundle: Bundle,
    finished: Sequence[Finished],
    *,
    schedule: ScheduleTable,
    settings: Settings,
    prompts: tuple[str, ...],
    environment: Environment,
) -> ScenarioRecord:
    """The record of runs of one bundle, those of the full UNet first.

    Args:
        bundle: What was drawn with.
        finished: The runs.
        schedule: The baseline's schedule.
        settings: Settings of all runs; their batch is the largest of any run.
        prompts: Prompts by sample.
        environment: Machine and packages.
    """
    workload = workload_of(settings, schedule, size=bundle.manifest.state.sample_size)
    record = ScenarioRecord(
        kind="scenario",
        format=2,
        **make_head(bundle, finished[0].backend, workload=workload, environment=environment),
        loadgen=version("mlcommons-loadgen"),
        prompts=prompts,
        runs=tuple(each.run for each in finished),
        doubts=(),
    )
    return seal(record)
