"""Requests for a speed-up or a latency, looked up among the configs of profiles (docs/codegen.md).

read.py      a file of tasks to checked requests
answers.py   the config that meets a request, or the search for one
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
