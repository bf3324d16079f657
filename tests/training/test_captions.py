import numpy as np
from tests.training.pictures import make_pictures

from accel_training.captions import COLOUR_NAMES, all_captions, draw_caption, full_caption, held_out


def test_every_caption_that_training_draws_is_one_the_tokenizer_has_seen_the_words_of() -> None:
    pictures = make_pictures()
    words = {word for text in all_captions(pictures) for word in text.replace(",", "").split()}
    rng = np.random.default_rng(0)
    drawn = [draw_caption(pictures[i % 5], COLOUR_NAMES[i % 8], rng=rng) for i in range(500)]
    assert {word for text in drawn for word in text.replace(",", "").split()} <= words


def test_a_tenth_of_the_captions_is_empty_for_classifier_free_guidance() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_caption(make_pictures()[0], "red", rng=rng) for _ in range(2000)]
    assert 0.08 < drawn.count("") / len(drawn) < 0.12


def test_the_article_fits_the_noun() -> None:
    rng = np.random.default_rng(0)
    drawn = {draw_caption(make_pictures()[2], "red", rng=rng) for _ in range(200)}
    assert "an ant on a red background" in drawn
    assert "a ant on a red background" not in drawn


def test_held_out_colours_depend_on_the_seed_alone() -> None:
    assert np.array_equal(held_out(50, seed=1), held_out(50, seed=1))
    assert not np.array_equal(held_out(50, seed=1), held_out(50, seed=2))
    assert set(held_out(500, seed=1)) == set(range(len(COLOUR_NAMES)))


def test_the_full_caption_names_object_and_colour() -> None:
    assert full_caption("red apple", "blue") == "red apple on a blue background"
