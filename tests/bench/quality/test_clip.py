"""Picture against caption, by a CLIP checkpoint in a folder."""

import json
import logging
import pickle
import shutil
import socket
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file, save_file
from tests.bench.quality.tiny_clip import END, SIDE, TOKENS, model
from transformers import CLIPProcessor

from accel_bench.quality import clip
from accel_bench.quality.clip import Clip
from accel_exporter.sources.random_weights import byte_tokenizer
from accel_runtime.errors import InputError

CAPTIONS = ("red apple", "blue whale", "a cat", "x" * 60, "")
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)  # of OpenAI's CLIP
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


@pytest.fixture(scope="module")
def scorer(clip_folder: Path) -> Clip:
    return Clip.open(clip_folder)


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (5, SIDE, SIDE, 3), dtype=np.uint8)


def cosine(picture: NDArray[np.uint8], token_ids: list[int]) -> float:
    """From the definition: CLIP's own normalisation, transformers' towers, one pair at a time."""
    pixels = torch.from_numpy(((picture.astype(np.float32) / 255 - MEAN) / STD).transpose(2, 0, 1)[None])
    towers: Any = model()
    with torch.inference_mode():
        image = towers.get_image_features(pixel_values=pixels).pooler_output[0].double().numpy()
        text = towers.get_text_features(input_ids=torch.tensor([token_ids])).pooler_output[0].double().numpy()
    return float(image @ text / np.linalg.norm(image) / np.linalg.norm(text))


def token_ids(caption: str) -> list[int]:
    ids: list[int] = byte_tokenizer(END + 1, 1000)(caption)["input_ids"]
    return ids if len(ids) <= TOKENS else [*ids[: TOKENS - 1], END]


def test_a_score_is_a_hundred_cosines_of_transformers_embeddings(scorer: Clip, pictures: NDArray[np.uint8]) -> None:
    scores = scorer.scores(pictures, CAPTIONS)
    expected = [100 * cosine(picture, token_ids(caption)) for picture, caption in zip(pictures, CAPTIONS, strict=True)]

    assert scores.dtype == np.float32
    assert scores == pytest.approx(np.array(expected), abs=1e-3)
    assert len(set(scores.round(2).tolist())) == 5


def test_pictures_of_another_size_are_scaled_by_their_shorter_side_and_cropped(scorer: Clip) -> None:
    wide = np.random.default_rng(1).integers(0, 256, (1, 2 * SIDE, 4 * SIDE, 3), dtype=np.uint8)
    scaled = np.asarray(Image.fromarray(wide[0]).resize((2 * SIDE, SIDE), Image.Resampling.BICUBIC))

    (score,) = scorer.scores(wide, ["a cat"])

    assert score == pytest.approx(100 * cosine(scaled[:, SIDE // 2 : -SIDE // 2], token_ids("a cat")), abs=1e-3)


@given(order=st.permutations(range(5)), batch=st.integers(1, 5))
@settings(max_examples=10, deadline=None)
def test_a_score_depends_on_its_own_pair_alone(
    scorer: Clip, pictures: NDArray[np.uint8], order: list[int], batch: int
) -> None:
    scores = scorer.scores(pictures, CAPTIONS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clip, "_BATCH", batch)
        found = scorer.scores(pictures[order], [CAPTIONS[i] for i in order])

    assert found == pytest.approx(scores[order], abs=1e-3)


def test_another_number_of_captions_is_refused(scorer: Clip, pictures: NDArray[np.uint8]) -> None:
    with pytest.raises(InputError, match="got 1 for 5"):
        scorer.scores(pictures, ["alone"])


def test_opening_and_scoring_asks_no_network_and_prints_nothing(
    clip_folder: Path,
    pictures: NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    asked: list[object] = []

    def refuse(*address: object, **_: object) -> None:
        asked.append(address)
        raise OSError("no network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    Clip.open(clip_folder).scores(pictures, CAPTIONS)

    assert asked == []
    assert capfd.readouterr() == ("", "")


def test_the_version_is_the_hash_of_the_weights(scorer: Clip, clip_folder: Path) -> None:
    expected = sha256((clip_folder / "model.safetensors").read_bytes()).hexdigest()

    assert scorer.versions["clip/model.safetensors"] == expected
    assert set(scorer.versions) == {"clip/model.safetensors", "transformers"}


def in_shards(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    model().save_pretrained(folder, max_shard_size="20KB")


def in_a_pickle(folder: Path) -> None:
    torch.save(model().state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def with_older_tokenizer_files(folder: Path) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text())["model"]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text(json.dumps(tokenizer["vocab"]))
    (folder / "merges.txt").write_text("#version: 0.2\n")


def with_one_file_for_the_processor(folder: Path) -> None:
    processor: Any = CLIPProcessor
    processor.from_pretrained(folder, backend="pil").save_pretrained(folder)
    (folder / "preprocessor_config.json").unlink()


@pytest.mark.parametrize(
    "change", [in_shards, in_a_pickle, with_older_tokenizer_files, with_one_file_for_the_processor]
)
def test_other_forms_of_the_same_checkpoint_score_the_same(
    scorer: Clip, copy: Path, pictures: NDArray[np.uint8], change: Callable[[Path], None]
) -> None:
    change(copy)
    other = Clip.open(copy)
    weights = sorted(path.name for path in copy.iterdir() if path.suffix in (".safetensors", ".bin"))

    assert other.scores(pictures, CAPTIONS).tolist() == scorer.scores(pictures, CAPTIONS).tolist()
    assert sorted(set(other.versions) - {"transformers"}) == [f"clip/{name}" for name in weights]


def test_half_precision_weights_are_scored_in_float32(scorer: Clip, copy: Path, pictures: NDArray[np.uint8]) -> None:
    made: Any = model()
    made.half().save_pretrained(copy)
    half = Clip.open(copy)

    assert {weights.dtype for weights in half.model.parameters()} == {torch.float32}
    assert half.scores(pictures, CAPTIONS) == pytest.approx(scorer.scores(pictures, CAPTIONS), abs=1)


@pytest.fixture
def copy(clip_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clip_folder, tmp_path / "clip"))


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[logging.LogRecord]:
    """What transformers says beside its errors, such as a page on the tensors that it lacks."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", records.append)
    monkeypatch.setattr(logging.getLogger("transformers"), "handlers", [handler])
    return records


def configure(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["text_config"] |= changes.pop("text", {})
    path.write_text(json.dumps(config | changes))


def drop_tensor(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["visual_projection.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def cut_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:500])


def lose_a_shard(folder: Path) -> None:
    in_shards(folder)
    next(folder.glob("model-00002-*")).unlink()


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (shutil.rmtree, "expected a folder with a CLIP model"),
    "no config": (lambda folder: (folder / "config.json").unlink(), r"config\.json: cannot be read"),
    "a config that is none": (lambda folder: (folder / "config.json").write_text("{"), r"config\.json: .*truncated"),
    "another model": (lambda folder: configure(folder, model_type="bert"), "expected model_type 'clip', got 'bert'"),
    "a text tower alone": (lambda folder: configure(folder, model_type="clip_text_model"), "got 'clip_text_model'"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), r"model\.safetensors: missing"),
    "cut weights": (cut_weights, "cannot load it: .*header"),
    "a shard too few": (lose_a_shard, r"model-00002-of-.*\.safetensors: missing"),
    "a tensor too few": (drop_tensor, r"1 tensors .* 'visual_projection\.weight'"),
    "more layers": (lambda folder: configure(folder, text={"num_hidden_layers": 2}), r"16 tensors .*layers\.1\."),
    "other widths": (lambda folder: configure(folder, text={"intermediate_size": 8}), r"3 tensors .*mlp\.fc1\.bias"),
    "no tokenizer": (
        lambda folder: (folder / "tokenizer.json").unlink(),
        "tokenizer.json or vocab.json and merges.txt",
    ),
    "a tokenizer that is none": (lambda folder: (folder / "tokenizer.json").write_text("{}"), "cannot load it"),
    "a larger tokenizer": (lambda folder: byte_tokenizer(600, TOKENS).save_pretrained(folder), "520 tokens, got 600"),
    "no processor": (
        lambda folder: (folder / "preprocessor_config.json").unlink(),
        "needs preprocessor_config",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_folder_that_is_no_whole_clip_is_refused_in_one_line(
    copy: Path, name: str, logged: list[logging.LogRecord]
) -> None:
    change, message = BROKEN[name]
    change(copy)
    logged.clear()

    with pytest.raises(InputError, match=message) as raised:
        Clip.open(copy)
    assert str(copy) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert logged == []


class Touches:
    """What a pickle of it does when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_pickle_of_more_than_tensors_is_refused_and_not_run(copy: Path, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    (copy / "model.safetensors").unlink()
    torch.save({"logit_scale": Touches(touched)}, copy / "pytorch_model.bin", pickle_module=pickle)

    with pytest.raises(InputError, match="cannot load it"):
        Clip.open(copy)
    assert not touched.exists()
