"""Requests for a speed-up or a latency, looked up among the configs of profiles (docs/codegen.md).

schema.py      what a file of tasks holds
sentences.py   requests as sentences
wishes.py      a file of tasks to checked requests
lookup.py      the config that meets a request
answers.py     what came of a request
searching.py   the search for what no profile has
"""

from accel_bench.codegen.tasks.answers import Answer, answer
from accel_bench.codegen.tasks.lookup import Found, candidates, find
from accel_bench.codegen.tasks.searching import can_search, run_search, search_command
from accel_bench.codegen.tasks.wishes import Wish, read_tasks

__all__ = [
    "Answer",
    "Found",
    "Wish",
    "answer",
    "can_search",
    "candidates",
    "find",
    "read_tasks",
    "run_search",
    "search_command",
]
