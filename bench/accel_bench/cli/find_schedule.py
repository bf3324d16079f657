"""The schedule that a user asks for: the bundle's, or one compiled for this run where the exporter is installed."""

from accel_bench.cli.console import note
from accel_runtime.errors import InputError
from accel_runtime.pipeline import Pipeline
from accel_runtime.request import MOST_STEPS
from accel_runtime.schedules.file import MissingTableError
from accel_runtime.schedules.schedule import ScheduleTable


def find_schedule(pipeline: Pipeline, steps: int, *, scheduler: str | None, strength: float | None) -> ScheduleTable:
    """The schedule of the bundle, or one that is compiled for this run alone.

    Raises:
        InputError: No steps, unknown scheduler, or a strength out of range.
        MissingTableError: The bundle lacks it and the `export` extra is not installed; names the command that adds it.
        ExportError: It cannot be compiled.
    """
    if not 1 <= steps <= MOST_STEPS:
        raise InputError(f"steps: expected 1 to {MOST_STEPS}, got {steps}")
    try:
        return pipeline.schedule(steps, scheduler, strength=strength)
    except MissingTableError as missing:
        name = scheduler or pipeline.bundle.manifest.schedules.default
        command = f"accel schedules add {pipeline.bundle.folder} {name} --steps {steps}"
        command += "" if strength is None else f" --strength {strength:g}"
        try:
            # It brings torch; only a schedule that the bundle lacks is worth that.
            from accel_exporter.schedules import compile_for  # noqa: PLC0415
        except ModuleNotFoundError:
            raise MissingTableError(
                f"{missing}: run `{command}` where accel-sd[export] is installed, or install it here"
            ) from None
        compiled = compile_for(pipeline.bundle, name, steps=(steps,), strength=strength)
        note(f"{missing}; compiled for this run, `{command}` keeps it")
        return compiled.tables[0]
