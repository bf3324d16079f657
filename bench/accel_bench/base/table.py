"""Tables as data, and what their columns are called; `accel_bench.cli.console` draws them in a terminal."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Heading(StrEnum):
    """Headings of figures that several tables show, in a terminal and on a page; some have a unit."""

    DEEP_CALLS = "deep calls"
    SKIPPED_CALLS = "skipped calls"
    P90 = "90% within"
    SPEEDUP = "speed-up"
    PSNR = "PSNR"
    SSIM = "SSIM"
    FEATURE_DISTANCE = "feature distance"
    EMOJI_CLIP = "emoji-clip"
    FACTS = "facts right"
    SCORE_LOSS = "score loss"
    COLOUR = "colour right"

    @property
    def unit(self) -> str:
        """Unit of the figure; empty where it has none of its own."""
        return "dB" if self is Heading.PSNR else ""

    @property
    def with_unit(self) -> str:
        """Heading and unit, for tables without a place of its own for the unit."""
        return f"{self} {self.unit}".strip()


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        heading: Text above the column.
        align: Side that cells are flush with.
        wraps: Whether a long cell goes on in the next line.
    """

    heading: str
    align: Literal["left", "right"] = "left"
    wraps: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of plain text, with one cell for each column."""

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
    """Columns of figures, flush right."""
    texts = (each.with_unit if isinstance(each, Heading) else each for each in headings)
    return tuple(Column(text, "right") for text in texts)
