"""Names and colours of the stages of an image, used everywhere on the page."""

from collections.abc import Mapping
from typing import Final

from accel_bench.report.charts.svg import Key
from accel_runtime.manifest import Part

# Names by kind of stage, a field of `summary.Stages`.
STAGES: Final = {
    "text": "text encoder",
    "deep": "deep calls",
    "shallow": "shallow calls",
    "update": "update",
    "vae": "VAE",
    "other": "other",
}
# Spans that only enclose other spans.
_ENCLOSING: Final = frozenset({"prepare", "denoise", "decode"})
_STAGES: Final[Mapping[Part | None, str]] = {
    "text": "text",
    "control": "other",
    "deep": "deep",
    "shallow": "shallow",
    "decoder": "vae",
    "encoder": "vae",
}


def stage_of(span: str, parts: Mapping[str, Part]) -> str | None:
    """The stage of a span; None if it only encloses other spans.

    Args:
        span: Name of the span.
        parts: Purposes of graphs by name. Spans without one belong to the loop.

    >>> [stage_of(name, {"thin": "shallow"}) for name in ("thin", "step", "denoise")]
    ['shallow', 'update', None]
    """
    return None if span in _ENCLOSING else _STAGES.get(parts.get(span), "update")


def legend(kinds: set[str]) -> list[Key]:
    """Legend entries of the stages, and kinds of call, that occur."""
    return [Key(kind, name) for kind, name in (*STAGES.items(), ("skipped", "skipped calls")) if kind in kinds]
