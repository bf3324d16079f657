"""Tables as data; `accel_bench.cli.console` alone draws them."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Column:
    """A column, with what stands above it.

    Attributes:
        wraps: Whether long cells go on in the next line.
    """

    heading: str
    align: Literal["left", "right"] = "left"
    wraps: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Plain text in rows, as many cells in each as there are columns."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


def words(*headings: str) -> tuple[Column, ...]:
    """Columns of names, which stay on one line."""
    return tuple(Column(heading) for heading in headings)


def prose(*headings: str) -> tuple[Column, ...]:
    """Columns of text that wraps."""
    return tuple(Column(heading, wraps=True) for heading in headings)


def numbers(*headings: str) -> tuple[Column, ...]:
    """Columns of figures, to the right."""
    return tuple(Column(heading, "right") for heading in headings)
