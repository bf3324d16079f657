"""Every format that accel reads: real samples, how they are changed, and what is done with them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random


@dataclass(frozen=True, slots=True)
class Sample:
    """A sound file, and what else must lie beside it.

    Attributes:
        name: Its path in the folder that it is used in.
        raw: Its content.
    """

    name: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Format:
    """A format.

    Attributes:
        name: Of the format.
        share: How many of the inputs it gets, beside the others.
        samples: Makes the sound ones; done once in each process.
        change: Makes another content out of a sound one.
        place: Writes a content into an empty folder, under the sample's name, with all that lies beside it.
        uses: What is done with it; each returns the digest of what came out.
    """

    name: str
    share: int
    samples: Callable[[], Sequence[Sample]]
    change: Callable[[bytes, Random], bytes]
    place: Callable[[Path, Sample], None]
    uses: tuple[Callable[[Path], str], ...]


def place_alone(folder: Path, sample: Sample) -> None:
    """Write a sample where nothing else is needed."""
    path = folder / sample.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sample.raw)


def all_formats() -> dict[str, Format]:
    """Every format by its name."""
    from tests.fuzz.of_bench import BENCH
    from tests.fuzz.of_bundle import BUNDLE
    from tests.fuzz.of_requests import REQUESTS
    from tests.fuzz.of_sources import SOURCES

    return {each.name: each for each in (*BUNDLE, *REQUESTS, *BENCH, *SOURCES)}
