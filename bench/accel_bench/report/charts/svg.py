"""The shapes that charts are made of.

Across, everything is in percent of the chart's width and down in pixels, so that a chart fits any screen while its
text keeps its size. Colours come from the page's style by the shape's `kind`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Rect:
    """A filled rectangle; `label` is shown when the pointer is over it."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    label: str = ""

    def __html__(self) -> str:
        """As an SVG element."""
        return Markup('<rect x="{:.4g}%" y="{:.4g}" width="{:.4g}%" height="{:.4g}" class="{}">{}</rect>').format(
            self.x, self.y, self.width, self.height, self.kind, _title(self.label)
        )


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line."""

    x1: float
    y1: float
    x2: float
    y2: float
    kind: str
    label: str = ""

    def __html__(self) -> str:
        """As an SVG element."""
        return Markup('<line x1="{:.4g}%" y1="{:.4g}" x2="{:.4g}%" y2="{:.4g}" class="{}">{}</line>').format(
            self.x1, self.y1, self.x2, self.y2, self.kind, _title(self.label)
        )


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of the same size on every screen."""

    x: float
    y: float
    kind: str
    label: str = ""
    radius: float = 4

    def __html__(self) -> str:
        """As an SVG element."""
        return Markup('<circle cx="{:.4g}%" cy="{:.4g}" r="{:g}" class="{}">{}</circle>').format(
            self.x, self.y, self.radius, self.kind, _title(self.label)
        )


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text with its `anchor` at (x, y), moved right by `shift` pixels."""

    x: float
    y: float
    text: str
    anchor: Literal["start", "middle", "end"] = "start"
    kind: str = "label"
    shift: float = 0

    def __html__(self) -> str:
        """As an SVG element."""
        return Markup('<text x="{:.4g}%" y="{:.4g}" dx="{:g}" text-anchor="{}" class="{}">{}</text>').format(
            self.x, self.y, self.shift, self.anchor, self.kind, self.text
        )


Shape: TypeAlias = Rect | Line | Dot | Text


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of a legend."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart.

    Attributes:
        name: Id that is unique on the page: letters, digits and hyphens.
        title: Short description.
        description: Text for readers who cannot see the chart.
        height: Height in pixels.
        note: Text below the chart that says how to read it.
        gutter: Whether there are numbers left of the chart.
    """

    name: str
    title: str
    description: str
    height: float
    shapes: Sequence[Shape]
    legend: Sequence[Key] = ()
    note: str = ""
    gutter: bool = False


def _title(label: str) -> str:
    return Markup("<title>{}</title>").format(label) if label else Markup()
