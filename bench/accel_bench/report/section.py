"""A page is a list of sections; each knows its template, and the page knows nothing else of them."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with an entry in its table of contents.

    Attributes:
        anchor: Distinct on the page; letters, digits and hyphens.
        heading: What it is about, in a line.
        template: The file that draws it.
        view: What the template draws, there called `view`.
    """

    anchor: str
    heading: str
    template: str
    view: Any
