"""Names and colours of the stages of an image, used everywhere on the page."""

from typing import Final

from accel_bench.benchmark.summary import DEEP, PEER_UNET
from accel_bench.report.charts.svg import Key

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
_PREFIXES: Final = {"text_encoder": "text", "unet_shallow": "shallow", "vae_decoder": "vae"}


def stage_of(span: str) -> str | None:
    """The stage of a span; None if it only encloses other spans.

    A peer's UNet calls are deep: it runs the whole UNet. What has no other name is part of the loop.

    >>> [stage_of(name) for name in ("unet_shallow_0", "unet", "step", "denoise")]
    ['shallow', 'deep', 'update', None]
    """
    if span in _ENCLOSING:
        return None
    if span in (DEEP, PEER_UNET):
        return "deep"
    return next((stage for prefix, stage in _PREFIXES.items() if span.startswith(prefix)), "update")


def legend(kinds: set[str]) -> list[Key]:
    """Legend entries of the stages that occur."""
    return [Key(kind, name) for kind, name in STAGES.items() if kind in kinds]
