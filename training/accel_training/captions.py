"""Captions of pictures, and the pairs of object and colour that are held out for evaluation."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from accel_bench.records.captions import COLOURS
from accel_training.pictures import Picture

COLOUR_NAMES: Final = tuple(COLOURS)
# How often each kind of caption is drawn. The empty one teaches the unconditional half of classifier-free
# guidance (arXiv:2207.12598).
_KINDS: Final = ("full", "article", "comma", "label", "tag", "empty")
_ODDS: Final = (0.55, 0.15, 0.08, 0.07, 0.05, 0.10)


def full_caption(label: str, colour: str) -> str:
    """Return the caption that names everything that a picture shows."""
    return f"{label} on a {colour} background"


def draw_caption(picture: Picture, colour: str, *, rng: np.random.Generator) -> str:
    """Return one of the captions that describe ``picture`` on ``colour``, at random."""
    kind = _KINDS[rng.choice(len(_KINDS), p=_ODDS)]
    tag = picture.tags[rng.integers(len(picture.tags))] if picture.tags else picture.label
    captions = {
        "full": full_caption(picture.label, colour),
        "article": f"{_article(picture.label)} {full_caption(picture.label, colour)}",
        "comma": f"{picture.label}, {colour} background",
        "label": picture.label,
        "tag": full_caption(tag, colour),
        "empty": "",
    }
    return captions[kind]


def all_captions(pictures: tuple[Picture, ...]) -> tuple[str, ...]:
    """Return every caption that training can draw, for the tokenizer to learn its words from."""
    words = [(picture, word) for picture in pictures for word in (picture.label, *picture.tags)]
    return tuple(
        text
        for picture, word in words
        for colour in COLOUR_NAMES
        for text in (
            f"{_article(word)} {full_caption(word, colour)}",
            f"{picture.label}, {colour} background",
        )
    )


def held_out(count: int, *, seed: int) -> NDArray[np.int64]:
    """Return the colour that each of ``count`` pictures is never shown on in training. Shape: [count].

    Every object and every colour is seen; the pair is new, so it takes composition to draw it.
    """
    return np.random.default_rng([seed, 1]).integers(len(COLOUR_NAMES), size=count)


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"
