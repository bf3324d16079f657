"""What a diffusers folder says of itself, read before anything is exported."""

from typing import Final

from tests.fuzz.formats import Format

SOURCES: Final[tuple[Format, ...]] = ()
