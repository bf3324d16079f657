"""The captions that training draws for a scene."""

from typing import Final

import numpy as np

from accel_bench.quality.scenes.scene import Group, Scene, describe, describe_group

# How often each kind of caption is drawn. The empty one teaches the unconditional half of classifier-free guidance
# (arXiv:2207.12598).
_KINDS: Final = ("full", "unlit", "short", "empty")
_ODDS: Final = (0.70, 0.12, 0.08, 0.10)


def draw_caption(scene: Scene, *, rng: np.random.Generator) -> str:
    """Return one of the captions that describe a scene, at random."""
    full = describe(scene)
    captions = {
        "full": full,
        "unlit": full.partition(",")[0],
        "short": f"{_short(scene.first)} {scene.relation} {_short(scene.second)}",
        "empty": "",
    }
    return captions[_KINDS[rng.choice(len(_KINDS), p=_ODDS)]]


def _short(group: Group) -> str:
    """Return count, colour and shape alone."""
    words = describe_group(group).split()
    return f"{words[0]} {group.colour} {words[-1]}"
