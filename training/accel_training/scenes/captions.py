"""The captions that training draws for a scene, and what each kind of them states."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import numpy as np

from accel_bench.quality.scenes.scene import Group, Scene, describe, describe_group


class Kind(StrEnum):
    """How much a caption says."""

    FULL = "full"
    UNLIT = "unlit"
    SHORT = "short"
    EMPTY = "empty"


# How often each kind is drawn. The empty one teaches the unconditional half of classifier-free guidance
# (arXiv:2207.12598).
_ODDS: Final[Mapping[Kind, float]] = {Kind.FULL: 0.70, Kind.UNLIT: 0.12, Kind.SHORT: 0.08, Kind.EMPTY: 0.10}
_SHORT_STATES: Final = frozenset({"count", "colour", "shape", "relation"})


def draw_kind(*, rng: np.random.Generator) -> Kind:
    """Return a kind of caption, at random."""
    return tuple(_ODDS)[rng.choice(len(_ODDS), p=tuple(_ODDS.values()))]


def draw_caption(scene: Scene, *, rng: np.random.Generator) -> str:
    """Return one of the captions that describe a scene, at random."""
    return write_caption(scene, draw_kind(rng=rng))


def write_caption(scene: Scene, kind: Kind) -> str:
    """Return the caption of one kind."""
    if kind is Kind.EMPTY:
        return ""
    if kind is Kind.SHORT:
        return f"{_short(scene.first)} {scene.relation} {_short(scene.second)}"
    full = describe(scene)
    return full if kind is Kind.FULL else full.partition(",")[0]


def states(kind: Kind, attribute: str) -> bool:
    """Whether captions of a kind say a scene's ``attribute``, such as ``light``."""
    if kind is Kind.SHORT:
        return attribute in _SHORT_STATES
    return kind is Kind.FULL or (kind is Kind.UNLIT and attribute != "light")


def _short(group: Group) -> str:
    """Return count, colour and shape alone."""
    words = describe_group(group).split()
    return f"{words[0]} {group.colour} {words[-1]}"
