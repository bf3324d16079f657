"""A stand-in for CLIP's tokenizer where no vocabulary is at hand: every byte is a token."""

from typing import Final

from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer

from accel_runtime.errors import SourceError

_START: Final = "<|startoftext|>"
_END: Final = "<|endoftext|>"


def byte_tokenizer(vocab_size: int, max_length: int) -> CLIPTokenizer:
    """Return a `CLIPTokenizer` without merges whose ids all lie below ``vocab_size``.

    The layout is CLIP's own: 256 bytes, the same 256 at the end of a word, and the start and
    end tokens as the last two ids. What CLIP fills with merges is filled with tokens that no
    text can produce.

    Raises:
        SourceError: ``vocab_size`` has no room for the bytes.
    """
    symbols = sorted(ByteLevel.alphabet())
    tokens = [*symbols, *(f"{symbol}</w>" for symbol in symbols)]
    unused = vocab_size - len(tokens) - 2
    if unused < 0:
        raise SourceError(f"text_encoder: vocab_size must be at least {len(tokens) + 2}, got {vocab_size}")
    tokens += [f"<|unused{i}|>" for i in range(unused)]
    vocab = {token: i for i, token in enumerate([*tokens, _START, _END])}
    return CLIPTokenizer(vocab=vocab, merges=[], model_max_length=max_length)
