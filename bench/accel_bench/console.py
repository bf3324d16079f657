"""What reaches the user: results on stdout, progress and notes on stderr."""

import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

_PIPED_WIDTH = 200

Result = TypeVar("Result")


def print_json(document: Any) -> None:  # anything msgspec can encode
    """Write one JSON document to stdout."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(document)).decode() + "\n")


def print_table(table: Table) -> None:
    """Write a table to stdout; piped, it keeps its full width instead of folding at 80 columns."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    console.print(table)


def print_line(text: str) -> None:
    """Write one line of result to stdout."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """Write one line of advice or doubt to stderr."""
    sys.stderr.write(f"note: {text}\n")


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A progress bar on stderr; silent where that is not a terminal."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        yield progress


def show(work: Generator[str, None, Result], progress: Progress, *, task: TaskID) -> Result:
    """Run work to its end, one step of the bar for each name that it yields; returns what it returns."""
    while True:
        try:
            progress.update(task, description=next(work), advance=1)
        except StopIteration as end:
            result: Result = end.value
            return result
