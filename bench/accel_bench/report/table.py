"""Numbers in rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from accel_bench.report.words import NOTHING


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and its cells.

    Attributes:
        unit: Shown small beside the heading.
        numeric: Set flush right.
    """

    heading: str
    cells: Sequence[str]
    unit: str = ""
    numeric: bool = True

    @property
    def says_something(self) -> bool:
        """Whether any cell does."""
        return any(cell not in ("", NOTHING) for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of one length; the first names the rows.

    Attributes:
        name: Distinct on the page.
        caption: What the numbers are.
    """

    name: str
    caption: str
    columns: Sequence[Column]

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The cells row by row."""
        return list(zip(*(column.cells for column in self.columns), strict=True))


def make_table(name: str, caption: str, columns: Sequence[Column]) -> Table:
    """A table without the columns in which nothing is said."""
    first, *others = columns
    return Table(name, caption, [first, *(column for column in others if column.says_something)])
