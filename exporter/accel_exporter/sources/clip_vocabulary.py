"""CLIP's own vocabulary, for pipelines that come without a tokenizer: checkpoints in one file.

``clip/merges.txt.gz`` has the byte-pair merges of OpenAI's CLIP (MIT, ``clip/LICENSE``), one a line, best first. All
else of the vocabulary follows from them: 256 bytes, the same 256 at the end of a word, the merges, and two marks.
"""

import gzip
from functools import cache
from pathlib import Path
from typing import Any, Final

from transformers import CLIPTokenizer

from accel_exporter.sources.random_weights import END, START, byte_symbols

_MERGES: Final = Path(__file__).parent / "clip" / "merges.txt.gz"
CLIP_TOKENS: Final = 49408


def clip_tokenizer(max_length: int, *, pad_token: str) -> CLIPTokenizer:
    """The tokenizer of CLIP, and with another padding of OpenCLIP.

    Args:
        max_length: Ids of a prompt.
        pad_token: The token that fills up short prompts.
    """
    tokens = [*byte_symbols(), *(a + b for a, b in _merges()), START, END]
    vocab = {token: i for i, token in enumerate(tokens)}
    # transformers says that merges are texts, and wants pairs.
    merges: Any = list(_merges())
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=max_length, pad_token=pad_token)


@cache
def _merges() -> tuple[tuple[str, str], ...]:
    lines = gzip.decompress(_MERGES.read_bytes()).decode("utf-8").splitlines()
    return tuple((first, second) for first, _, second in (line.partition(" ") for line in lines))
