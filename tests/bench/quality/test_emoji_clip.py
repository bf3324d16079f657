"""Picture against caption, with a small untrained stand-in."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from accel_bench.quality import captions, emoji_clip
from accel_bench.quality.emoji_clip import EmojiClip, fit
from accel_runtime.errors import InputError

CAPTIONS = ("red apple", "blue whale", "a cat", "x" * 60)


@pytest.fixture(scope="module")
def scorer(data_folder: Path) -> EmojiClip:
    return EmojiClip.open(data_folder)


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (4, 1, 1, 3), dtype=np.uint8).repeat(64, 1).repeat(64, 2)


def test_scores_are_the_diagonal_of_the_matrix(scorer: EmojiClip, pictures: NDArray[np.uint8]) -> None:
    scores, matrix = scorer.scores(pictures, CAPTIONS), scorer.matrix(pictures, CAPTIONS)

    assert scores.dtype == matrix.dtype == np.float32
    assert matrix.shape == (4, 4)
    assert scores == pytest.approx(np.diag(matrix), rel=1e-5)
    assert len(set(matrix.ravel().tolist())) == 16
    assert np.abs(matrix).max() <= 100.001


def test_a_score_is_a_hundred_cosines(scorer: EmojiClip, pictures: NDArray[np.uint8], data_folder: Path) -> None:
    weights = {
        tensor.name: onnx.numpy_helper.to_array(tensor)
        for tensor in onnx.load(data_folder / "emoji_clip.onnx").graph.initializer
    }
    image = pictures[0, 0, 0] @ weights["colours"]
    text = weights["vectors"][scorer.tokenizer.encode("red apple").ids].mean(axis=0)
    cosine = image @ text / np.linalg.norm(image) / np.linalg.norm(text)

    assert scorer.scores(pictures[:1], ["red apple"])[0] == pytest.approx(100 * cosine, rel=1e-4)


@given(order=st.permutations(range(4)))
@settings(max_examples=10, deadline=None)
def test_a_permutation_of_pairs_permutes_their_scores(
    scorer: EmojiClip, pictures: NDArray[np.uint8], order: list[int]
) -> None:
    scores = scorer.scores(pictures, CAPTIONS)

    assert scorer.scores(pictures[order], [CAPTIONS[i] for i in order]) == pytest.approx(scores[order], rel=1e-5)


def test_scores_do_not_depend_on_how_many_are_scored_at_once(
    scorer: EmojiClip, pictures: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = scorer.matrix(pictures, CAPTIONS)
    monkeypatch.setattr(emoji_clip, "_BATCH", 3)

    assert scorer.matrix(pictures, CAPTIONS) == pytest.approx(whole, rel=1e-5)


def test_a_caption_is_filled_up_with_end_tokens_and_a_long_one_keeps_its_end_token(scorer: EmojiClip) -> None:
    short, long = scorer.tokenizer.encode("a cat").ids, scorer.tokenizer.encode("x" * 60).ids

    assert len(short) == len(long) == 24
    assert set(short[-10:].tolist()) == {int(long[-1])}
    assert short[0] == long[0] != long[-1]


def test_pictures_of_64_pixels_are_not_touched_and_others_are_scaled(pictures: NDArray[np.uint8]) -> None:
    small = np.zeros((2, 16, 32, 3), np.uint8)
    small[:, :, 16:] = 200
    scaled = fit(small)

    assert fit(pictures) is pictures
    assert scaled.shape == (2, 64, 64, 3)
    assert scaled[:, 32, 8].max() == 0
    assert scaled[:, 32, 56].min() == 200


def test_another_number_of_captions_is_refused(scorer: EmojiClip, pictures: NDArray[np.uint8]) -> None:
    with pytest.raises(InputError, match="got 1 for 4"):
        scorer.scores(pictures, ["alone"])


def rename_output(folder: Path) -> None:
    model = onnx.load(folder / "emoji_clip.onnx")
    model.graph.node[-1].output[0] = model.graph.output[1].name = "text"
    model.graph.node[-2].output[0] = model.graph.node[-1].input[0] = "text_before"
    onnx.save(model, folder / "emoji_clip.onnx")


def forget_end_token(folder: Path) -> None:
    path = folder / "tokenizer.json"
    text = path.read_text()
    start = text.index('"post_processor"')
    path.write_text(text[:start] + '"post_processor": null, ' + text[text.index('"decoder"', start) :])


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no graph": (lambda folder: (folder / "emoji_clip.onnx").unlink(), "emoji_clip.onnx: missing"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer.json: missing"),
    "a graph that is none": (lambda folder: (folder / "emoji_clip.onnx").write_bytes(b"x"), "cannot load"),
    "another graph": (rename_output, "not an emoji-clip"),
    "a tokenizer that is none": (lambda folder: (folder / "tokenizer.json").write_text("{}"), "not a tokenizer"),
    "a tokenizer without marks": (forget_end_token, "post_processor"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_files_that_are_not_the_scorer_are_refused_in_one_line(data_folder: Path, tmp_path: Path, name: str) -> None:
    change, message = BROKEN[name]
    folder = Path(shutil.copytree(data_folder, tmp_path / "data"))
    change(folder)

    with pytest.raises(InputError, match=message) as raised:
        EmojiClip.open(folder)
    assert "\n" not in str(raised.value)


def test_the_built_in_files_are_beside_the_code(monkeypatch: pytest.MonkeyPatch, data_folder: Path) -> None:
    assert Path(emoji_clip.__file__).parent / "data" == captions.DATA
    monkeypatch.setattr(captions, "DATA", data_folder)

    assert EmojiClip.open().tokenizer.encode("a").count == 3
