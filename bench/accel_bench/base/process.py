"""How other Python processes are started: nothing is imported from the folder that the user happens to be in.

`python -m` puts the current folder first among those that are searched for modules, and `python -c` does too: a
`msgspec.py` that lies there would be run. `-P` leaves it out (Python 3.11); `PYTHONPATH` is the user's own and stays.
"""

import sys
from pathlib import Path


def run_module(module: str, *arguments: str | Path, python: Path | None = None) -> list[str]:
    """The words that run ``module`` as a program; by default of this Python."""
    return [str(python or sys.executable), "-P", "-m", module, *map(str, arguments)]


def run_code(code: str, *, python: Path) -> list[str]:
    """The words that run a line of ``code``."""
    return [str(python), "-P", "-c", code]
