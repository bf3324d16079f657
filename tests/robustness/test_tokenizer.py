"""`tokenizer.json`: CLIP's kind or a line, and never more ids than the text encoder reads."""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.mutate import change_json
from tests.robustness.copies import Change, Document, one_line, put, seeded
from tokenizers import processors

from accel_runtime import Pipeline
from accel_runtime.errors import AccelError, BundleError, InputError
from accel_runtime.manifest import TextSpec
from accel_runtime.text.clip_tokenizer import read_tokenizer
from accel_runtime.text.tokens import LONGEST_PROMPT, PromptTokenizer

PATH = Path("b/tokenizer.json")
SPEC = TextSpec(tokenizer="tokenizer.json", table=None, max_length=12, pad_id=3)
PROMPTS = ("", "a red apple", "it's 3 CAFÉS\n\n<|endoftext|> é", "x" * 5000, "日本語 🍎" * 50)


@pytest.fixture(scope="module")
def raw(source_folder: Path) -> bytes:
    return (source_folder / "tokenizer" / "tokenizer.json").read_bytes()


@pytest.fixture
def document(raw: bytes) -> Document:
    decoded: Document = msgspec.json.decode(raw)
    return decoded


def tokenizer_of(document: Document) -> PromptTokenizer:
    return PromptTokenizer(read_tokenizer(msgspec.json.encode(document), PATH), SPEC)


@pytest.mark.parametrize("seed", range(3))
def test_a_changed_tokenizer_is_refused_in_one_line_or_gives_as_many_ids_as_it_should(raw: bytes, seed: int) -> None:
    rng = seeded(seed)

    for _ in range(100):
        changed, started = change_json(raw, rng), perf_counter()
        try:
            tokenizer = PromptTokenizer(read_tokenizer(changed, PATH), SPEC)
            assert all(tokenizer.encode(prompt).ids.shape == (SPEC.max_length,) for prompt in PROMPTS)
        except AccelError as error:
            assert "tokenizer.json: " in one_line(error)  # noqa: PT017
        assert perf_counter() - started < 5


@given(prompt=st.text())
@settings(max_examples=200, deadline=None)
def test_any_text_has_no_more_ids_than_bytes_and_marks(pipeline: Pipeline, prompt: str) -> None:
    (tokens,) = pipeline.tokenize(prompt)
    (text,) = pipeline.bundle.manifest.texts.values()

    assert len(tokens.ids) == text.max_length
    # NFC makes up to three characters of one.
    assert 2 <= tokens.count <= 3 * len(prompt.encode()) + 2


HOSTILE: dict[str, Change] = {
    "a normaliser that never ends": put("normalizer", "normalizers", 1, "pattern", "Regex", value="(a+)+$"),
    "a million characters for a blank": put("normalizer", "normalizers", 1, "content", value="x " * 10**6),
    "a normaliser of another model": put("normalizer", value={"type": "NFKC"}),
    "no normaliser": put("normalizer", value=None),
    "words by another expression": put("pre_tokenizer", "pretokenizers", 0, "pattern", "Regex", value="."),
    "what lies between words": put("pre_tokenizer", "pretokenizers", 0, "invert", value=False),
    "no marks": put("post_processor", value=None),
    "an id that is none": put("post_processor", "sep", 1, value=2**40),
    "merges of tokens that are not there": put("model", "merges", value=["no token"]),
    "a merge of three": put("model", "merges", value=[["a", "b", "c"]]),
    "chance": put("model", "dropout", value=0.5),
    "unknown bytes": put("model", "byte_fallback", value=True),
    "another model": put("model", value={"type": "Unigram", "vocab": [["a", 0.0]], "unk_id": 7}),
    "too many tokens": put("model", "vocab", value={str(i): i for i in range(300_000)}),
    "a token that fills the memory": put("model", "vocab", "x" * 10**6, value=7),
    "a special token of nothing": put("added_tokens", 0, "content", value=""),
    "something new": put("extra", value=1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_tokenizer_that_is_not_clips_is_refused(document: Document, name: str) -> None:
    HOSTILE[name](document)

    with pytest.raises(BundleError, match="not a tokenizer") as caught:
        tokenizer_of(document)
    one_line(caught.value)


def older_words(document: Document) -> None:
    """As transformers 4 wrote the expression, and the merges."""
    pattern = document["pre_tokenizer"]["pretokenizers"][0]["pattern"]
    pattern["Regex"] = pattern["Regex"].removeprefix(r"<\|startoftext\|>|<\|endoftext\|>|")
    document["model"]["merges"] = [" ".join(merge) for merge in document["model"]["merges"]]
    del document["pre_tokenizer"]["pretokenizers"][1]["use_regex"], document["model"]["ignore_merges"]


def as_template(document: Document) -> None:
    """Marks by a template, as some converters write them."""
    (end, end_id), (begin, begin_id) = document["post_processor"]["sep"], document["post_processor"]["cls"]
    template = processors.TemplateProcessing(
        single=f"{begin} $A {end}",
        pair=f"{begin} $A {end} $B:1 {end}:1",
        special_tokens=[(begin, begin_id), (end, end_id)],
    )
    document["post_processor"] = msgspec.json.decode(template.__getstate__())


def cut_and_filled(document: Document) -> None:
    """As it is saved after it was used on a batch."""
    document["truncation"] = {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0}
    document["padding"] = {"strategy": {"Fixed": 7}, "direction": "Right", "pad_id": 9, "pad_token": "x"}


@pytest.mark.parametrize("rewrite", [older_words, as_template, cut_and_filled])
def test_clips_tokenizer_is_taken_however_it_was_saved(
    document: Document, raw: bytes, rewrite: Callable[[Document], None]
) -> None:
    usual = PromptTokenizer(read_tokenizer(raw, PATH), SPEC)
    rewrite(document)

    for prompt in PROMPTS[:2]:
        assert tokenizer_of(document).encode(prompt).ids.tolist() == usual.encode(prompt).ids.tolist()


@pytest.mark.parametrize("prompt", ["x" * (LONGEST_PROMPT + 1), "a \udc80 b"])
def test_a_prompt_that_nobody_could_mean_is_refused_before_it_is_tokenised(pipeline: Pipeline, prompt: str) -> None:
    with pytest.raises(InputError, match="prompt: "):
        pipeline.tokenize(prompt)


def test_the_longest_prompt_is_tokenised_in_time(pipeline: Pipeline) -> None:
    started = perf_counter()

    (tokens,) = pipeline.tokenize("x" * LONGEST_PROMPT)

    assert tokens.count > 1000
    assert perf_counter() - started < 5


def test_a_panic_of_the_library_is_a_line() -> None:
    class Panic(BaseException):
        """What Rust's panics are in Python: no `Exception`."""

    class Panicking:
        def get_added_tokens_decoder(self) -> dict[int, Any]:
            return {}

        def encode(self, _: str) -> None:
            raise Panic("index out of bounds\nat line 7")

    panicking: Any = Panicking()
    with pytest.raises(BundleError, match=r"tokenizer.json: cannot tokenise the prompt: index out of bounds$"):
        PromptTokenizer(panicking, SPEC).encode("a")
