"""Add schedule tables to a bundle that exists."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from accel_exporter.base_config import base_config
from accel_exporter.schedules.compile import compile_schedule, is_memoryless, order_of
from accel_exporter.schedules.config import SCHEDULER_CONFIG
from accel_exporter.schedules.names import resolved_name, scheduler_for, step_options
from accel_exporter.schedules.tables import scheduler_metadata
from accel_exporter.sources.common import read_object
from accel_runtime.bundle.bundle import Bundle
from accel_runtime.bundle.shelves import SCHEDULES, changing, publish, put, relisted
from accel_runtime.errors import BundleError
from accel_runtime.manifest import Manifest
from accel_runtime.schedules.file import ScheduleFile, encode_schedules, first_call, noised_as
from accel_runtime.schedules.schedule import ScheduleTable


@dataclass(frozen=True)
class Compiled:
    """Tables, and the diffusers scheduler that they were compiled from."""

    tables: tuple[ScheduleTable, ...]
    scheduler: Any

    @property
    def name(self) -> str:
        """Our short name."""
        return self.tables[0].scheduler

    @cached_property
    def metadata(self) -> dict[str, str]:
        """Metadata of the tables' file. Finding it out compiles more, so it is made only where tables are kept."""
        memoryless = is_memoryless(self.scheduler, step_options=step_options(self.name, self.scheduler))
        return scheduler_metadata(self.scheduler, memoryless=memoryless)


def compile_for(bundle: Bundle, name: str, *, steps: Iterable[int], strength: float | None = None) -> Compiled:
    """Compile tables for a bundle from the scheduler config that it keeps.

    Args:
        bundle: Bundle with the config of the pipeline's own scheduler.
        name: One of `SCHEDULERS`, a diffusers class, or `OWN_SCHEDULER`.
        steps: Step counts.
        strength: Strength of img2img; None starts from noise.

    Raises:
        InputError: Unknown name, a strength out of range.
        ExportError: The scheduler cannot be a table, or not for this step count.
    """
    config = _config(bundle)
    name = resolved_name(name, config)
    scheduler: Any = scheduler_for(name, config)
    options = step_options(name, scheduler)
    tables = []
    for count in steps:
        begin = 0 if strength is None else first_call(count, strength, order=order_of(scheduler))
        table = compile_schedule(scheduler, name, spacing=count, step_options=options)
        if begin:
            started = compile_schedule(scheduler, name, spacing=count, begin=begin, step_options=options)
            table = noised_as(table, started)
        tables.append(table)
    return Compiled(tuple(tables), scheduler)


def add_tables(bundle: Bundle, compiled: Compiled) -> Manifest:
    """Write tables into the bundle, beside those that it has of the same scheduler; returns the new manifest.

    One process at a time adds, to what the bundle is by then. Files are named by their content and the manifest is
    renamed into place last, so a reader sees the old bundle or the new one, and an interrupt leaves either. The file
    that the new one replaces stays until the next add, for readers that have just read the old manifest.

    Raises:
        BundleError: The bundle was replaced since it was opened, or cannot be read.
        WriteError: It cannot be written; it is as it was.
    """
    name, metadata = compiled.name, compiled.metadata
    with changing(bundle.folder) as now:
        schedules = now.manifest.schedules
        if now.manifest.files.get(SCHEDULER_CONFIG) != bundle.manifest.files.get(SCHEDULER_CONFIG):
            raise BundleError(f"{bundle.folder}: was exported anew meanwhile: add the schedule again")
        existing = _existing(now, schedules.files.get(name))
        tables = {(table.steps, table.begin): table for table in (*existing, *compiled.tables)}
        content = encode_schedules([tables[key] for key in sorted(tables)], metadata=metadata)
        file, described = put(now, SCHEDULES, name, content)
        used = {**schedules.files, name: file}
        files = relisted(now, SCHEDULES, used=used.values(), superseded=schedules.files.get(name)) | {file: described}
        schedules = msgspec.structs.replace(schedules, files=used)
        manifest = msgspec.structs.replace(now.manifest, schedules=schedules, files=files)
        publish(bundle.folder, manifest, shelf=SCHEDULES)
    return manifest


def _existing(bundle: Bundle, file: str | None) -> list[ScheduleTable]:
    if file is None:
        return []
    opened = ScheduleFile.open(bundle.path(file))
    return [opened.table(steps, begin=begin) for steps, begin in opened.index]


def _config(bundle: Bundle) -> dict[str, Any]:
    if SCHEDULER_CONFIG not in bundle.manifest.files:
        raise BundleError(f"{bundle.folder}: {SCHEDULER_CONFIG} is not listed under `files`: export the bundle again")
    config = read_object(bundle.folder, SCHEDULER_CONFIG, error=BundleError)
    return base_config(config, bundle.manifest.provenance.pipeline_class)
