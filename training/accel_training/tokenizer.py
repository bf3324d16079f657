"""A small byte-pair encoding in CLIP's form, learned from the captions."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import CLIPTokenizer

VOCABULARY: Final = 2048  # tokens
LENGTH: Final = 24  # tokens of a prompt, start and end included
_START: Final = "<|startoftext|>"
_END: Final = "<|endoftext|>"


def train_tokenizer(captions: Iterable[str]) -> CLIPTokenizer:
    """Return a `CLIPTokenizer` whose merges were learned from ``captions``.

    The vocabulary is laid out as CLIP's own: 256 bytes, the same 256 at the end of a word, the merges in the
    order in which they apply, and last the start and end tokens.
    """
    merges = _learn_merges(captions)
    symbols = sorted(ByteLevel.alphabet())
    tokens = [*symbols, *(f"{symbol}</w>" for symbol in symbols), *("".join(pair) for pair in merges)]
    tokens += [f"<|unused{i}|>" for i in range(VOCABULARY - len(tokens) - 2)]
    vocab = {token: index for index, token in enumerate([*tokens, _START, _END])}
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=LENGTH)  # type: ignore[arg-type]  # pairs too


def _learn_merges(captions: Iterable[str]) -> list[tuple[str, str]]:
    """Return the merges, most frequent first, learned with CLIP's own splitting into words."""
    splitter = CLIPTokenizer(vocab={_START: 0, _END: 1}, merges=[]).backend_tokenizer
    learner = Tokenizer(BPE(end_of_word_suffix="</w>"))
    learner.normalizer = splitter.normalizer
    learner.pre_tokenizer = splitter.pre_tokenizer
    alphabet = ByteLevel.alphabet()
    room = VOCABULARY - 2 * len(alphabet) - 2
    trainer = BpeTrainer(
        # The learner counts the alphabet, and each symbol at a word's end that occurs, towards the size.
        vocab_size=VOCABULARY,
        initial_alphabet=sorted(alphabet),
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    learner.train_from_iterator(captions, trainer)
    merges = json.loads(learner.to_str())["model"]["merges"]
    return [(left, right) for left, right in merges[:room]]


def save_tokenizer(tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Write ``tokenizer`` below ``folder`` as ``tokenizer.json``, and as vocabulary and merges."""
    tokenizer.save_pretrained(folder)
    tokenizer.backend_tokenizer.model.save(str(folder))
