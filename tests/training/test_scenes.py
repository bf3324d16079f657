"""Scenes: what is drawn can be read back, and training never sees what is held out."""

from pathlib import Path

import numpy as np
import pytest

from accel_bench.quality.scenes.read import read_scene
from accel_bench.quality.scenes.scene import Size
from accel_bench.quality.scenes.score import accuracy, check_facts
from accel_exporter.sources.random_weights import open_random
from accel_training.scenes import pool as pool_module
from accel_training.scenes.__main__ import Stage
from accel_training.scenes.captions import draw_caption
from accel_training.scenes.draw import draw
from accel_training.scenes.pool import ScenePool, draw_scenes, keep_scenes, read_scenes
from accel_training.scenes.sample import HELD_OUT, SIZE, place, sample_scene
from accel_training.scenes.stages import SCENE_STAGES, new_unet

# What the reader gets right of real drawings, in shares; the rest is overlaps and the smallest objects.
LEAST = {
    "colour": 1.0,
    "count": 0.98,
    "size": 0.97,
    "shape": 0.94,
    "relation": 0.99,
    "ground": 0.98,
    "light": 0.98,
    "nothing else": 0.99,
    "facts": 0.98,
}


@pytest.fixture(scope="module")
def pool() -> ScenePool:
    return draw_scenes(150, seed=7)


def test_what_is_drawn_is_read_back(pool: ScenePool) -> None:
    facts = [check_facts(scene, read_scene(image)) for scene, image in zip(pool.scenes, pool.images, strict=True)]
    shares = accuracy(facts)

    assert {name: share for name, share in shares.items() if share < LEAST.get(name, 0.8)} == {}


def test_another_scenes_picture_is_found_out(pool: ScenePool) -> None:
    others = [*pool.scenes[1:], pool.scenes[0]]
    facts = [check_facts(scene, read_scene(image)) for scene, image in zip(others, pool.images, strict=True)]
    shares = accuracy(facts)

    assert shares["captions"] == 0
    assert shares["facts"] < 0.5


def test_the_same_seed_draws_the_same_pictures() -> None:
    one, other = draw_scenes(3, seed=5), draw_scenes(3, seed=5)

    assert one.scenes == other.scenes
    assert np.array_equal(one.images, other.images)


def test_no_picture_of_training_shows_a_pair_that_is_held_out() -> None:
    rng = np.random.default_rng(0)
    shown = {(group.colour, group.shape) for _ in range(2000) for group in sample_scene(rng).groups}

    assert shown.isdisjoint(HELD_OUT)
    assert len(shown) + len(HELD_OUT) == 40


def test_every_held_out_scene_shows_exactly_one_new_pair() -> None:
    rng = np.random.default_rng(0)
    scenes = [sample_scene(rng, held_out=True) for _ in range(200)]

    assert {sum((group.colour, group.shape) in HELD_OUT for group in scene.groups) for scene in scenes} == {1}


def test_objects_lie_inside_the_picture_and_apart_from_those_of_their_group() -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        placed = place(sample_scene(rng), rng)
        for one in placed:
            assert one.width / 2 <= one.x <= SIZE - one.width / 2
            assert one.height / 2 <= one.y <= SIZE - one.height / 2
            assert not any(boxes_meet(one, other) for other in placed if other is not one and other.group == one.group)


def boxes_meet(one: object, other: object) -> bool:
    near = (
        abs(getattr(one, at) - getattr(other, at)) < (getattr(one, extent) + getattr(other, extent)) / 2
        for at, extent in (("x", "width"), ("y", "height"))
    )
    return all(near)


def test_captions_of_training_say_all_some_or_nothing() -> None:
    rng = np.random.default_rng(2)
    scene = sample_scene(rng)
    captions = {draw_caption(scene, rng=rng) for _ in range(200)}

    assert len(captions) == 4
    assert "" in captions


def test_a_picture_can_be_drawn_larger() -> None:
    rng = np.random.default_rng(3)

    assert draw(sample_scene(rng), rng=rng).pixels(256).shape == (256, 256, 3)


def test_groups_of_three_or_more_are_small() -> None:
    rng = np.random.default_rng(4)
    groups = [group for _ in range(300) for group in sample_scene(rng).groups]

    assert {group.size for group in groups if group.count > 2} == {Size.SMALL}


def test_the_models_weights_take_less_than_12_mb_in_half_precision() -> None:
    source = open_random("tiny", seed=0)
    parts = (new_unet(source.unet_config), source.load_vae(), source.load_text_encoder())

    assert 2 * sum(parameter.numel() for part in parts for parameter in part.parameters()) < 12e6


def test_the_command_offers_every_stage_in_order() -> None:
    assert [stage.value for stage in Stage] == list(SCENE_STAGES)


def test_kept_scenes_are_drawn_once_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_CHUNK", 3)
    assert list(keep_scenes(tmp_path, 6, seed=1)) == [3, 6]
    before = {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()}

    assert list(keep_scenes(tmp_path, 6, seed=1)) == [3, 6]
    assert {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == before
    kept, drawn = read_scenes(tmp_path, 5), draw_scenes(3, seed=2)
    assert len(kept.scenes) == len(kept.images) == 5
    assert kept.scenes[3:] == drawn.scenes[:2]
    assert np.array_equal(kept.images[3:], drawn.images[:2])
