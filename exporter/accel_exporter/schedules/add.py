"""Add schedule tables to a bundle that exists."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from accel_exporter.jsonfile import read_object
from accel_exporter.schedules.compile import compile_schedule, is_memoryless, order_of
from accel_exporter.schedules.config import SCHEDULER_CONFIG
from accel_exporter.schedules.names import resolved_name, scheduler_for, step_options
from accel_exporter.schedules.tables import scheduler_metadata
from accel_runtime.bundle import Bundle, describe_file
from accel_runtime.errors import BundleError
from accel_runtime.manifest import MANIFEST_NAME, Manifest, encode_manifest
from accel_runtime.schedule import ScheduleTable
from accel_runtime.schedule_file import SCHEDULE_SUFFIX, ScheduleFile, first_call, write_schedules


@dataclass(frozen=True, slots=True)
class Compiled:
    """Tables, and the diffusers scheduler that they were compiled from."""

    tables: tuple[ScheduleTable, ...]
    scheduler: Any


def compile_for(bundle: Bundle, name: str, *, steps: Iterable[int], strength: float | None = None) -> Compiled:
    """Compile tables for a bundle from the scheduler config that it keeps.

    Args:
        bundle: Keeps the config of the pipeline's own scheduler.
        name: One of `SCHEDULERS`, a diffusers class, or `OWN_SCHEDULER`.
        steps: Step counts.
        strength: Of img2img; None starts from noise.

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
        tables.append(compile_schedule(scheduler, name, spacing=count, begin=begin, step_options=options))
    return Compiled(tuple(tables), scheduler)


def add_tables(bundle: Bundle, compiled: Compiled) -> Manifest:
    """Write tables into the bundle, beside those that it has of the same scheduler; returns the new manifest.

    The file gets a new name and the manifest is renamed into place last, so a reader sees the old bundle or the new
    one, and an interrupt leaves the old.
    """
    name = compiled.tables[0].scheduler
    old = bundle.manifest.schedules.files.get(name)
    tables = {(table.steps, table.begin): table for table in (*_existing(bundle, old), *compiled.tables)}
    aside = bundle.folder / "schedules" / f"{name}.partial"
    memoryless = is_memoryless(compiled.scheduler, step_options=step_options(name, compiled.scheduler))
    metadata = scheduler_metadata(compiled.scheduler, memoryless=memoryless)
    write_schedules(aside, [tables[key] for key in sorted(tables)], metadata=metadata)
    file = f"schedules/{name}-{describe_file(aside).sha256[:8]}{SCHEDULE_SUFFIX}"
    aside.replace(bundle.folder / file)
    manifest = _with_file(bundle, name, file=file)
    partial = bundle.folder / f"{MANIFEST_NAME}.partial"
    partial.write_bytes(encode_manifest(manifest))
    partial.replace(bundle.folder / MANIFEST_NAME)
    if old is not None and old != file:
        (bundle.folder / old).unlink()
    return manifest


def _with_file(bundle: Bundle, name: str, *, file: str) -> Manifest:
    manifest = bundle.manifest
    schedules = msgspec.structs.replace(manifest.schedules, files={**manifest.schedules.files, name: file})
    kept = {path: spec for path, spec in manifest.files.items() if path != manifest.schedules.files.get(name)}
    files = {**kept, file: describe_file(bundle.folder / file)}
    return msgspec.structs.replace(manifest, schedules=schedules, files=files)


def _existing(bundle: Bundle, file: str | None) -> list[ScheduleTable]:
    if file is None:
        return []
    opened = ScheduleFile.open(bundle.path(file))
    return [opened.table(steps, begin=begin) for steps, begin in opened.index]


def _config(bundle: Bundle) -> dict[str, Any]:
    if SCHEDULER_CONFIG not in bundle.manifest.files:
        raise BundleError(f"{bundle.folder}: {SCHEDULER_CONFIG} is not listed under `files`: export the bundle again")
    return read_object(bundle.folder, SCHEDULER_CONFIG, error=BundleError)
