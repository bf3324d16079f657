"""All scores of a set of pictures."""

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from accel_bench.quality.captions import Yardstick
from accel_bench.quality.clip import Clip
from accel_bench.quality.scenes.scene import describe
from accel_bench.quality.scorers import Scorers
from accel_bench.records.captions import Caption
from accel_bench.records.evaluation import Scores
from accel_runtime.errors import InputError, MissingExtraError
from accel_training.scenes.pool import draw_scenes

TEXTS = ("o1 blue", "o2 white", "o4 blue")
CAPTIONS = tuple(Caption(caption=text, label=text[:2], colour=text[3:], held_out=True) for text in TEXTS)


@pytest.fixture(scope="module")
def scorers(data_folder: Path, clip_folder: Path) -> Scorers:
    return Scorers.open(data_folder, clip=clip_folder)


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.uint8]:
    """Two blue ones, and a black one."""
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    images[:, :2] = images[:, -2:] = images[:, :, :2] = images[:, :, -2:] = (74, 136, 226)
    images[1] //= 8
    return images


def test_every_score_has_a_value_per_picture(scorers: Scorers, pictures: NDArray[np.uint8], clip_folder: Path) -> None:
    found = scorers.score(pictures, pictures[::-1], captions=CAPTIONS)

    assert {name: len(getattr(found, name)) for name in Scores.__struct_fields__ if name != "facts"} == dict.fromkeys(
        ("squared_error", "ssim", "feature_distance", "emoji_clip", "colour_right", "clip"), 3
    )
    assert found.facts == ()
    assert found.colour_right == (True, False, True)
    assert found.clip == tuple(Clip.open(clip_folder).scores(pictures, TEXTS).tolist())


def test_plain_prompts_score_as_captions_do_but_name_no_colour(scorers: Scorers, pictures: NDArray[np.uint8]) -> None:
    plain = scorers.score(pictures, pictures[::-1], captions=TEXTS)
    named = scorers.score(pictures, pictures[::-1], captions=CAPTIONS)

    assert plain == msgspec.structs.replace(named, colour_right=())


def test_without_a_checkpoint_there_is_no_clip_score(data_folder: Path, pictures: NDArray[np.uint8]) -> None:
    scorers = Scorers.open(data_folder)

    assert scorers.score(pictures, pictures, captions=TEXTS).clip == ()
    assert "transformers" not in scorers.versions


def test_the_versions_name_the_checkpoints_weights(scorers: Scorers, clip_folder: Path) -> None:
    assert scorers.versions.items() > Clip.open(clip_folder).versions.items()
    assert {"captions.json", "emoji_clip.onnx", "torch"} < set(scorers.versions)


def test_a_folder_without_a_checkpoint_is_refused(data_folder: Path) -> None:
    with pytest.raises(InputError, match=r"config\.json: cannot be read"):
        Scorers.open(data_folder, clip=data_folder)


def test_pictures_of_scenes_are_scored_by_the_facts_that_are_read_back() -> None:
    pool = draw_scenes(3, seed=3)
    captions = tuple(Caption(caption=describe(scene), held_out=True) for scene in pool.scenes)
    swapped = pool.images[[1, 0, 2]]

    found = Scorers.open(of=Yardstick.SCENES).score(swapped, pool.images, captions=captions)

    assert found.emoji_clip == found.colour_right == ()
    assert max(found.facts[:2]) < 0.8
    assert found.facts[2] > 0.9


def test_prompts_that_are_no_scenes_have_no_facts(pictures: NDArray[np.uint8]) -> None:
    texts = (*TEXTS[:2], "a small red cube left of a large blue ring on sand, lit from the left")

    assert Scorers.open(of=Yardstick.SCENES).score(pictures, pictures, captions=texts).facts == ()


@pytest.fixture
def without_transformers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import accel_bench.quality as package

    monkeypatch.delitem(sys.modules, "accel_bench.quality.clip")
    monkeypatch.delattr(package, "clip")
    monkeypatch.setitem(sys.modules, "transformers", None)
    yield
    monkeypatch.undo()


@pytest.mark.usefixtures("without_transformers")
def test_only_a_checkpoint_needs_transformers(data_folder: Path, clip_folder: Path) -> None:
    assert Scorers.open(data_folder).clip is None
    with pytest.raises(MissingExtraError, match=r"transformers is not installed: .*accel-sd\[quality\]"):
        Scorers.open(data_folder, clip=clip_folder)


def test_scores_of_before_there_was_a_clip_score_are_still_read() -> None:
    older = b'{"squared_error": [0], "ssim": [1], "feature_distance": [0], "emoji_clip": [9], "colour_right": [true]}'

    assert msgspec.json.decode(older, type=Scores) == Scores((0.0,), (1.0,), (0.0,), (9.0,), (True,), ())
