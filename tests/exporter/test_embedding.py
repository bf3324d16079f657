"""Words of textual inversion: token ids and text states are those of diffusers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tests.bundles import family_source, kept_source
from tests.exporter.families import load_family
from tests.exporter.pipelines import TOKENS, load_in_diffusers
from tests.exporter.table_tokenizer import TableTokenizer
from torch import Tensor

from accel_exporter import Changes, Embedding, open_source
from accel_exporter.layout import write_tokenizer
from accel_runtime.text.clip_tokenizer import read_tokenizer
from accel_runtime.text.tokens import PromptTokenizer

PROMPTS = ("a <cat>", "<cat><cat> a", "A <CAT> and <cat>", "a cat <dog>s", "<cat>_1 b", "no word", "<dog>")
WIDTH = 16


def vectors(count: int, seed: int = 0, width: int = WIDTH) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A word of three vectors as diffusers writes it, and one of a single vector as A1111 does."""
    folder = tmp_path_factory.mktemp("embeddings")
    save_file({"<cat>": vectors(3)}, folder / "cat.safetensors")
    torch.save({"string_to_param": {"*": vectors(1, 1)}, "name": "<dog>", "step": 7}, folder / "dog.pt")
    return folder / "cat.safetensors", folder / "dog.pt"


@pytest.fixture(scope="module")
def ours(files: tuple[Path, Path]) -> Any:
    return open_source(str(kept_source()), changes=Changes(embeddings=tuple(map(Embedding, files))))


@pytest.fixture(scope="module")
def theirs(files: tuple[Path, Path]) -> Any:
    pipe = load_in_diffusers(kept_source())
    for file in files:
        pipe.load_textual_inversion(str(file.parent), weight_name=file.name)
    return pipe


def their_ids(pipe: Any, prompt: str) -> Tensor:
    tokenizer = pipe.tokenizer
    converted = pipe.maybe_convert_prompt(prompt, tokenizer)
    ids: Tensor = tokenizer(
        converted, padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt"
    ).input_ids
    return ids


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_runtime_and_the_table_have_the_ids_of_diffusers(
    ours: Any, theirs: Any, prompt: str, tmp_path: Path
) -> None:
    spec = write_tokenizer(tmp_path, ours.load_tokenizer(), part="tokenizer")
    file = tmp_path / spec.tokenizer
    wanted = their_ids(theirs, prompt)[0].tolist()

    found = PromptTokenizer(read_tokenizer(file.read_bytes(), file), spec).encode(prompt).ids.tolist()

    assert found == wanted
    raw = TableTokenizer(tmp_path / str(spec.table)).encode(prompt)
    assert (raw if len(raw) <= TOKENS else [*raw[: TOKENS - 1], raw[-1]]) == wanted[: len(raw)]


@torch.no_grad()
def test_text_states_are_those_of_diffusers(ours: Any, theirs: Any) -> None:
    ids = torch.cat([their_ids(theirs, prompt) for prompt in PROMPTS])

    found, wanted = (encoder(ids).last_hidden_state for encoder in (ours.load_text_encoder(), theirs.text_encoder))

    assert torch.equal(found, wanted)
    assert ours.text_config()["vocab_size"] == ours.load_text_encoder().config.vocab_size == 524


def test_a_chosen_word_and_the_name_of_the_file_take_the_place_of_a_missing_one(tmp_path: Path) -> None:
    save_file({"emb_params": vectors(2)}, tmp_path / "squirrel.safetensors")
    torch.save(vectors(1), tmp_path / "bare.bin")
    embeddings = (
        Embedding.parse(str(tmp_path / "squirrel.safetensors")),
        Embedding.parse(f"{tmp_path / 'bare.bin'}=<it>"),
    )

    source = open_source(str(kept_source()), changes=Changes(embeddings=embeddings))

    assert [each.words for each in source.adaptations] == [("squirrel", "squirrel_1"), ("<it>",)]
    assert source.load_tokenizer().convert_tokens_to_ids(["squirrel", "squirrel_1", "<it>"]) == [520, 521, 522]


@torch.no_grad()
def test_both_text_encoders_of_sdxl_get_their_vectors(tmp_path: Path) -> None:
    file, folder = tmp_path / "cat.safetensors", family_source("sdxl")
    widths: Mapping[str, int] = {"clip_l": WIDTH, "clip_g": 24}
    tensors = {key: vectors(2, width=width) for key, width in widths.items()}
    save_file(tensors, file)
    pipe = load_family(folder)
    seconds = {"clip_l": (pipe.tokenizer, pipe.text_encoder), "clip_g": (pipe.tokenizer_2, pipe.text_encoder_2)}
    for key, (tokenizer, encoder) in seconds.items():
        pipe.load_textual_inversion({"<x>": tensors[key]}, tokenizer=tokenizer, text_encoder=encoder)

    source = open_source(str(folder), changes=Changes(embeddings=(Embedding(file, "<x>"),)))

    for key, part in (("clip_l", "text_encoder"), ("clip_g", "text_encoder_2")):
        tokenizer, encoder = seconds[key]
        ids = tokenizer("a <x> <x>_1", padding="max_length", max_length=TOKENS, return_tensors="pt").input_ids
        assert source.load_tokenizer(part.replace("text_encoder", "tokenizer"))("a <x> <x>_1").input_ids[-3:-1] == [
            520,
            521,
        ]
        assert torch.equal(source.load_text_encoder(part)(ids)[0], encoder(ids)[0])
