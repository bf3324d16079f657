"""Sections of a page. The page knows only a section's template and view."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page, with an entry in its table of contents.

    Attributes:
        anchor: Id that is unique on the page: letters, digits and hyphens.
        heading: One line.
        template: File of the template.
        view: The data that the template draws; it is called `view` there.
    """

    anchor: str
    heading: str
    template: str
    view: Any
