"""Schedulers of diffusers, compiled to the schedule tables that the runtime reads.

config.py   what a scheduler config may say
own.py      the pipeline's own scheduler, as it is
names.py    short names, and the scheduler a diffusers user would get for one
trace.py    a scheduler run once on symbols: its exact linear map
fit.py      the shortest recurrence with that map
content.py  what tables depend on
entry.py    tables as bytes that say whether they are whole
store.py    where tables are found that were compiled before
ship.py     those that the package brings
compile.py  both together: one table
tables.py   all names and step counts of a pipeline
add.py      further tables for a bundle that exists
"""

from accel_exporter.schedules.add import add_tables, compile_for
from accel_exporter.schedules.compile import Spacing, compile_schedule, is_memoryless
from accel_exporter.schedules.names import (
    SCHEDULERS,
    bundled_names,
    own_name,
    resolved_name,
    scheduler_for,
    short_name,
    step_options,
)
from accel_exporter.schedules.tables import (
    CompiledScheduler,
    check_schedulers,
    compile_all,
    compile_one,
    is_compiled,
)

__all__ = [
    "SCHEDULERS",
    "CompiledScheduler",
    "Spacing",
    "add_tables",
    "bundled_names",
    "check_schedulers",
    "compile_all",
    "compile_for",
    "compile_one",
    "compile_schedule",
    "is_compiled",
    "is_memoryless",
    "own_name",
    "resolved_name",
    "scheduler_for",
    "short_name",
    "step_options",
]
