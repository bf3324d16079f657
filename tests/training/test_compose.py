import numpy as np
import pytest
from tests.training.pictures import make_pictures

from accel_bench.quality.colour import background_colour
from accel_bench.records.captions import COLOURS
from accel_training.captions import COLOUR_NAMES, held_out
from accel_training.compose import SIZE, Placement, compose, make_held_out_pool, make_pool


@pytest.mark.parametrize("colour", COLOURS)
def test_the_outermost_pixels_are_the_background_wherever_the_object_lies(colour: str) -> None:
    rng = np.random.default_rng(0)
    for picture in make_pictures():
        image = compose(picture, colour, rng=rng)
        assert image.shape == (SIZE, SIZE, 3)
        assert (image[:2] == COLOURS[colour]).all()
        assert (image[:, -2:] == COLOURS[colour]).all()
        assert background_colour(image) == colour


def test_an_object_is_in_the_picture() -> None:
    image = compose(make_pictures()[0], "white", rng=np.random.default_rng(0))
    assert 0.3 < (image != COLOURS["white"]).any(axis=-1).mean() < 0.75


def test_training_never_sees_a_held_out_pair_and_sees_all_others_equally_often() -> None:
    pictures = make_pictures()
    pool = make_pool(pictures, 3, seed=7)
    counts = np.zeros((len(pictures), len(COLOUR_NAMES)), dtype=int)
    np.add.at(counts, (pool.picture, pool.colour), 1)
    missing = held_out(len(pictures), seed=7)
    assert (counts[np.arange(len(pictures)), missing] == 0).all()
    assert np.count_nonzero(counts == 3) == len(pictures) * (len(COLOUR_NAMES) - 1)


def test_a_pool_of_some_objects_keeps_their_held_out_colours() -> None:
    pictures = make_pictures()
    chosen = {pictures[1].label, pictures[3].label}
    pool = make_pool(pictures, 2, seed=7, labels=chosen)
    assert set(pool.picture) == {1, 3}
    missing = held_out(len(pictures), seed=7)
    assert not (pool.colour == missing[pool.picture]).any()
    assert len(pool.images) == 2 * 2 * (len(COLOUR_NAMES) - 1)


def test_a_centred_object_leaves_the_same_margin_on_both_sides_and_is_not_mirrored() -> None:
    picture = make_pictures()[0]
    placement = Placement(scale=(0.75, 0.75), drift=0, flips=False)
    images = [compose(picture, "white", rng=np.random.default_rng(s), placement=placement) for s in range(4)]
    assert all(np.array_equal(image, images[0]) for image in images)
    assert (images[0][:8] == COLOURS["white"]).all()
    assert (images[0][:, -8:] == COLOURS["white"]).all()


def test_the_held_out_pool_is_exactly_the_missing_pairs() -> None:
    pool = make_held_out_pool(make_pictures(), seed=7)
    assert list(pool.colour) == list(held_out(5, seed=7))
    assert [background_colour(image) for image in pool.images] == [COLOUR_NAMES[c] for c in pool.colour]


def test_a_pool_is_the_same_for_the_same_seed() -> None:
    one, other = (make_pool(make_pictures(), 1, seed=3).images for _ in range(2))
    assert np.array_equal(one, other)
