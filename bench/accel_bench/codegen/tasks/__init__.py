"""Find configs of profiles for requested speed-ups and latencies (docs/codegen.md).

read.py      reads a file of tasks
answers.py   finds the config of a task, or searches for one
"""

from accel_bench.codegen.tasks.answers import (
    Answer,
    Found,
    answer,
    can_search,
    candidates,
    find,
    run_search,
    search_command,
)
from accel_bench.codegen.tasks.read import Task, read_tasks

__all__ = [
    "Answer",
    "Found",
    "Task",
    "answer",
    "can_search",
    "candidates",
    "find",
    "read_tasks",
    "run_search",
    "search_command",
]
