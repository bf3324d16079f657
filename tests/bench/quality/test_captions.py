"""What pictures are evaluated on."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_bench.quality.captions import Yardstick, evaluation_captions, read_captions, yardstick_of
from accel_bench.quality.scenes.scene import parse_caption
from accel_bench.records.captions import Caption
from accel_runtime.errors import InputError
from accel_training.scenes.sample import HELD_OUT

ENTRY = {"caption": "red apple on a blue background", "label": "red apple", "colour": "blue", "held_out": True}


def test_only_held_out_captions_are_drawn_each_once(data_folder: Path) -> None:
    everything = read_captions(data_folder / "captions.json")
    drawn = evaluation_captions(8, 0, folder=data_folder)

    assert len(everything) == 12
    assert set(drawn) == {caption for caption in everything if caption.held_out}
    assert len(set(drawn)) == 8


@given(count=st.integers(1, 8), seed=st.integers(0, 1000))
def test_a_larger_count_begins_with_the_smaller_one(data_folder: Path, count: int, seed: int) -> None:
    assert (
        evaluation_captions(count, seed, folder=data_folder) == evaluation_captions(8, seed, folder=data_folder)[:count]
    )


def test_another_seed_draws_others(data_folder: Path) -> None:
    assert len({evaluation_captions(4, seed, folder=data_folder) for seed in range(5)}) == 5


def test_the_model_of_scenes_is_judged_on_scenes_with_one_new_pair_each() -> None:
    captions = evaluation_captions(None, 0, of=yardstick_of("scenes"))
    pairs = [[(group.colour, group.shape) for group in parse_caption(each.caption).groups] for each in captions]

    assert len(set(captions)) == 128
    assert {sum(pair in HELD_OUT for pair in both) for both in pairs} == {1}


def test_every_other_model_is_judged_on_the_built_in_models_captions() -> None:
    assert {yardstick_of(source) for source in ("tiny", "sd15", "./scenes", "folder")} == {Yardstick.EMOJI}


def test_an_entry_is_read_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "captions.json").write_text(json.dumps([ENTRY]))

    assert evaluation_captions(1, 0, folder=tmp_path) == (
        Caption(caption="red apple on a blue background", label="red apple", colour="blue", held_out=True),
    )


BROKEN: dict[str, tuple[str, str]] = {
    "no JSON": ("[", "truncated"),
    "no list": ("{}", "Expected `array`"),
    "unknown key": (json.dumps([ENTRY | {"color": "blue"}]), "unknown field `color`"),
    "missing key": (json.dumps([{key: ENTRY[key] for key in ("caption", "label", "colour")}]), "held_out"),
    "wrong type": (json.dumps([ENTRY | {"held_out": 1}]), "Expected `bool`"),
    "unknown colour": (json.dumps([ENTRY | {"colour": "mauve"}]), "colour 'mauve'"),
    "nothing held out": (json.dumps([ENTRY | {"held_out": False}]), "expected 1 to 0"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_malformed_file_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    text, message = BROKEN[name]
    (tmp_path / "captions.json").write_text(text)

    with pytest.raises(InputError, match=message) as raised:
        evaluation_captions(1, 0, folder=tmp_path)
    assert "captions.json" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("count", "seed", "message"), [(0, 0, "1 to 8"), (9, 0, "got 9"), (1, -1, "seed")])
def test_what_cannot_be_drawn_is_refused(data_folder: Path, count: int, seed: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluation_captions(count, seed, folder=data_folder)
