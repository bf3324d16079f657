"""Scenes as captions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_bench.quality.scenes.scene import (
    Colour,
    Ground,
    Group,
    Light,
    Relation,
    Scene,
    Shape,
    Size,
    Texture,
    describe,
    parse_caption,
)
from accel_runtime.errors import InputError

CAPTION = "two small red striped spheres left of a large blue cube on sand, lit from the left"

counts = st.sampled_from([(a, b) for a in range(1, 5) for b in range(1, 5) if a + b <= 5])
words = {Size: st.sampled_from(Size), Texture: st.sampled_from(Texture), Shape: st.sampled_from(Shape)}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    colours = draw(st.lists(st.sampled_from(Colour), min_size=2, max_size=2, unique=True))
    groups = [
        Group(count, draw(words[Size]), colour, draw(words[Texture]), draw(words[Shape]))
        for count, colour in zip(draw(counts), colours, strict=True)
    ]
    relation, ground, light = (draw(st.sampled_from(kind)) for kind in (Relation, Ground, Light))
    return Scene(groups[0], relation, groups[1], ground, light)


@given(scenes())
def test_a_caption_says_all_of_its_scene(scene: Scene) -> None:
    assert parse_caption(describe(scene)) == scene


def test_a_caption_reads_as_people_write() -> None:
    assert describe(parse_caption(CAPTION)) == CAPTION


@pytest.mark.parametrize(
    "caption",
    [
        "",
        "a red apple on a blue background",
        CAPTION.replace("two", "five"),
        CAPTION.replace("sand", "water"),
        CAPTION.replace("left of", "beside"),
        CAPTION + ".",
    ],
)
def test_another_sentence_is_refused(caption: str) -> None:
    with pytest.raises(InputError, match="expected a scene, such as"):
        parse_caption(caption)


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        (CAPTION.replace("blue", "red"), "expected groups of two colours, got red twice"),
        (CAPTION.replace("two", "four").replace("a large blue cube", "two large blue cubes"), "2 to 5 objects, got 6"),
    ],
)
def test_a_scene_that_cannot_be_told_apart_is_refused(caption: str, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        parse_caption(caption)
