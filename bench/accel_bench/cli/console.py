"""Output: results on stdout, progress and notes on stderr. No other module prints.

What is printed may come from others, so control characters are replaced here, and no text is read as markup.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TimeElapsedColumn,
)
from rich.table import Table as RichTable
from rich.text import Text

from accel_bench.base.table import Table
from accel_bench.cli.streams import results, write_stderr, write_stderr_unbuffered
from accel_runtime.printable import printable, shortened

_PIPED_WIDTH = 200

Result = TypeVar("Result")


def print_json(document: Any) -> None:  # anything msgspec can encode
    """Write one JSON document to stdout."""
    lines = msgspec.json.format(msgspec.json.encode(document)).decode().split("\n")
    with results() as stdout:
        stdout.writelines(f"{printable(line)}\n" for line in lines)


def print_table(table: Table) -> None:
    """Write a table to stdout; where stdout is a pipe, it keeps its full width instead of 80 columns."""
    with results() as stdout:
        console = Console(file=stdout, highlight=False)
        if not console.is_terminal:
            console.width = _PIPED_WIDTH
        console.print(_drawn(table))


def print_line(text: str) -> None:
    """Write one line of result to stdout."""
    with results() as stdout:
        stdout.write(f"{printable(text)}\n")


def note(text: str) -> None:
    """Write one line of advice or doubt to stderr."""
    write_stderr(_noted(text))


def note_patiently(text: str) -> None:
    """As `note`, for a thread that may wait for the reader of a log."""
    write_stderr_unbuffered(_noted(text))


def print_error(text: str) -> None:
    """Write an error to stderr, as one line."""
    write_stderr(f"accel: {shortened(printable(text))}\n")


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A progress bar on stderr; it is not shown where stderr is no terminal."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), _Doing(), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        yield progress


def show(work: Generator[str, None, Result], progress: Progress, *, task: TaskID) -> Result:
    """Run a generator to its end and return its result; the bar advances by one for each name that it yields."""
    while True:
        try:
            progress.update(task, description=next(work), advance=1)
        except StopIteration as end:
            result: Result = end.value
            return result


class _Doing(ProgressColumn):
    """The description of a task as plain text; rich's own column would read it as markup."""

    def render(self, task: Task) -> Text:
        return Text(printable(task.description))


def _noted(text: str) -> str:
    return f"note: {shortened(printable(text))}\n"


def _drawn(table: Table) -> RichTable:
    drawn = RichTable(title=Text(printable(table.title), style="table.title"), title_justify="left")
    for column in table.columns:
        drawn.add_column(Text(printable(column.heading)), justify=column.align, no_wrap=not column.wraps)
    for row in table.rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    return drawn
