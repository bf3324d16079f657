from pathlib import Path

import pytest
import torch
from transformers import CLIPTokenizer

from accel_exporter import open_source
from accel_exporter.sources import shipped
from accel_runtime.errors import InputError, SourceError

MEGABYTE = 1_000_000


def test_the_model_the_package_brings_is_a_trained_one() -> None:
    origin = open_source("tiny").origin
    assert (origin.source, origin.revision, origin.weights, origin.seed) == ("tiny", None, "trained", None)


def test_it_is_the_architecture_that_random_weights_are_made_for() -> None:
    trained, random = open_source("tiny"), open_source("tiny", weights="random")
    shapes = [{name: tuple(each.shape) for name, each in s.load_unet().state_dict().items()} for s in (trained, random)]
    assert shapes[0] == shapes[1]


def test_its_weights_are_read_as_float32_whatever_they_are_stored_as() -> None:
    source = open_source("tiny")
    parts = (source.load_unet(), source.load_vae(), source.load_text_encoder())
    assert {each.dtype for part in parts for each in part.parameters()} == {torch.float32}


def test_its_words_are_tokens_of_their_own() -> None:
    tokenizer: CLIPTokenizer = open_source("tiny").load_tokenizer()
    ids = tokenizer("red apple on a blue background").input_ids
    assert tokenizer.convert_ids_to_tokens(ids[1:-1]) == [
        "red</w>",
        "apple</w>",
        "on</w>",
        "a</w>",
        "blue</w>",
        "background</w>",
    ]


def test_its_configs_name_no_path_of_the_machine_that_trained_it() -> None:
    for config in (shipped.ARCHITECTURES / "tiny").rglob("*.json"):
        assert "_name_or_path" not in config.read_text("utf-8")


def test_it_stays_small_enough_to_ship() -> None:
    files = (shipped.ARCHITECTURES / "tiny").rglob("*")
    assert sum(file.stat().st_size for file in files if file.is_file()) <= 20 * MEGABYTE


@pytest.mark.parametrize("option", ["variant", "revision"])
def test_options_of_other_sources_are_refused(option: str) -> None:
    with pytest.raises(InputError, match=rf"--{option} main cannot be used here: the built-in model has none"):
        open_source(
            "tiny", variant="main" if option == "variant" else None, revision="main" if option != "variant" else None
        )


def test_an_installation_without_the_weights_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "ARCHITECTURES", tmp_path)
    with pytest.raises(SourceError, match="is not a folder"):
        open_source("tiny")
