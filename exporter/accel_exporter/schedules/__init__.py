"""Schedulers of diffusers, compiled to the schedule tables that the runtime reads.

names.py    short names, and the scheduler a diffusers user would get for one
trace.py    a scheduler run once on symbols: its exact linear map
fit.py      the shortest recurrence with that map
compile.py  both together: one table
tables.py   all names and step counts of a pipeline
"""

from accel_exporter.schedules.compile import compile_schedule
from accel_exporter.schedules.names import SCHEDULERS, scheduler_for
from accel_exporter.schedules.tables import CompiledScheduler, compile_all

__all__ = ["SCHEDULERS", "CompiledScheduler", "compile_all", "compile_schedule", "scheduler_for"]
