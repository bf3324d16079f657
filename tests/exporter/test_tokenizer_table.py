"""The table alone gives the ids of transformers, on strings picked by hand and drawn at random."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from tests.exporter.prompts import BY_HAND, random_prompts
from tests.exporter.table_tokenizer import TableTokenizer
from tokenizers import Tokenizer, normalizers

from accel_exporter import open_source
from accel_exporter.tokenizer_table import tokenizer_table
from accel_runtime import ExportError, Pipeline
from accel_runtime.base.arrays import encode_arrays

COUNT = 3_000


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """The built-in model's: 1,534 merges learned from captions."""
    return open_source("tiny").load_tokenizer()


@pytest.fixture(scope="module")
def table(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> TableTokenizer:
    path = tmp_path_factory.mktemp("table") / "table.safetensors"
    arrays, metadata = tokenizer_table(tokenizer.backend_tokenizer)
    path.write_bytes(encode_arrays(arrays, metadata))
    return TableTokenizer(path)


@pytest.mark.parametrize("prompt", BY_HAND)
def test_prompts_picked_by_hand_have_the_ids_of_transformers(
    table: TableTokenizer, tokenizer: Any, prompt: str
) -> None:
    assert table.encode(prompt) == tokenizer(prompt).input_ids


def test_random_prompts_have_the_ids_of_transformers(table: TableTokenizer, tokenizer: Any) -> None:
    prompts = random_prompts(COUNT, seed=0)

    for prompt, expected in zip(prompts, tokenizer(prompts).input_ids, strict=True):
        assert table.encode(prompt) == expected, repr(prompt)


@given(prompt=st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_at_all_has_the_ids_of_transformers(table: TableTokenizer, tokenizer: Any, prompt: str) -> None:
    assert table.encode(prompt) == tokenizer(prompt).input_ids


def test_the_runtime_and_the_bundles_table_have_the_ids_of_transformers(
    pipeline: Pipeline, diffusers_pipeline: Any
) -> None:
    prompts, tokenizer = [*BY_HAND, *random_prompts(COUNT, seed=1)], diffusers_pipeline.tokenizer
    (text,) = pipeline.bundle.manifest.texts.values()
    assert text.table is not None
    table = TableTokenizer(pipeline.bundle.path(text.table))
    options = {"padding": "max_length", "truncation": True, "max_length": tokenizer.model_max_length}

    for prompt, expected in zip(prompts, tokenizer(prompts, **options).input_ids, strict=True):
        (tokens,) = pipeline.tokenize(prompt)
        assert tokens.ids.tolist() == expected, repr(prompt)
        ids = table.encode(prompt)
        cut = ids if len(ids) <= text.max_length else [*ids[: text.max_length - 1], ids[-1]]
        assert cut + [text.pad_id] * (text.max_length - len(cut)) == expected, repr(prompt)


@pytest.mark.parametrize(
    ("key", "prompt"),
    [
        ("merges", "a red apple"),
        ("lower", "A CAT"),
        ("compose", "e\u0301"),
        ("combining", "\u0345\u0334a"),
        ("classes", "a1"),
    ],
)
def test_every_part_of_the_table_matters(tokenizer: Any, tmp_path: Path, key: str, prompt: str) -> None:
    arrays, metadata = tokenizer_table(tokenizer.backend_tokenizer)
    missing = {name for name in arrays if name.startswith(key) and not name.endswith("_at")}
    broken = {name: array[:0] if name in missing else array for name, array in arrays.items()}
    save_file(broken, tmp_path / "broken.safetensors", metadata=metadata)

    assert TableTokenizer(tmp_path / "broken.safetensors").encode(prompt) != tokenizer(prompt).input_ids


def test_a_tokenizer_of_another_kind_is_refused(tokenizer: Any) -> None:
    other = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    other.normalizer = normalizers.NFKC()

    with pytest.raises(ExportError, match="normalizer"):
        tokenizer_table(other)


def test_the_table_is_small(pipeline: Pipeline) -> None:
    (text,) = pipeline.bundle.manifest.texts.values()
    assert text.table is not None
    arrays = load_file(pipeline.bundle.path(text.table))
    assert sum(array.nbytes for name, array in arrays.items() if name != "merges") < 100_000
