"""How other Python processes are started, and how they ended in one line.

Nothing is imported from the folder that the user happens to be in. `python -m` and `python -c` search it first for
modules, so a `msgspec.py` that lies there would be run. `-P` leaves it out (Python 3.11); `PYTHONPATH` stays as it is.
"""

import sys
from pathlib import Path


def run_module(module: str, *arguments: str | Path, python: Path | None = None) -> list[str]:
    """The words that run ``module`` as a program; by default of this Python."""
    return [str(python or sys.executable), "-P", "-m", module, *map(str, arguments)]


def run_code(code: str, *, python: Path) -> list[str]:
    """The words that run a line of ``code``."""
    return [str(python), "-P", "-c", code]


def failure(code: int, stderr: str) -> str:
    """How a process ended, and the last line that it wrote to stderr."""
    ended = f"signal {-code}" if code < 0 else f"exit code {code}"
    last = [line.strip() for line in stderr.splitlines() if line.strip()][-1:]
    return f"it ended with {ended}: {' '.join(last) or 'it said nothing'}"
