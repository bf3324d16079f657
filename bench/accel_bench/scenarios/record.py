"""From finished runs to their record."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from accel_bench.plans.prepare import Settings
from accel_bench.records.bundle import bundle_facts
from accel_bench.records.environment import Environment
from accel_bench.records.parts import Workload
from accel_bench.records.scenario import ScenarioRecord
from accel_bench.records.store import seal
from accel_bench.scenarios.process import Finished
from accel_runtime.bundle import Bundle


def make_scenario_record(
    bundle: Bundle,
    finished: Sequence[Finished],
    *,
    settings: Settings,
    prompts: tuple[str, ...],
    environment: Environment,
) -> ScenarioRecord:
    """The record of runs of one bundle, those of the full UNet first."""
    height, width = bundle.manifest.model.sample_size
    record = ScenarioRecord(
        kind="scenario",
        format=2,
        id="",
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        environment=environment,
        backend=finished[0].backend,
        bundle=bundle_facts(bundle),
        loadgen=version("mlcommons-loadgen"),
        workload=Workload(
            scheduler=settings.scheduler or bundle.manifest.schedules.default,
            steps=settings.steps,
            guidance=settings.guidance,
            height=height,
            width=width,
            batch=max(each.run.load.batch for each in finished),
            seed=settings.seed,
        ),
        prompts=prompts,
        runs=tuple(each.run for each in finished),
        doubts=(),
    )
    return seal(record)
