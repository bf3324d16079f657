"""Prompts to CLIP's token ids, by the `tokenizers` library and the bundle's own `tokenizer.json`."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from accel_runtime.errors import BundleError, InputError, first_line
from accel_runtime.manifest import TextSpec
from accel_runtime.text.clip_tokenizer import told_as

# Text encoders read some 77 tokens; what does not fit is cut off, but is tokenised first.
LONGEST_PROMPT: Final = 2**16


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """A prompt as ids.

    Attributes:
        ids: [L] int64, begin and end marks included, padded to the text encoder's length.
        count: Ids before truncation and padding.
        cut: The end of the prompt that does not fit, empty where all of it does.
    """

    ids: NDArray[np.int64]
    count: int
    cut: str


class PromptTokenizer:
    """A tokenizer as the text encoder wants it.

    Args:
        tokenizer: Tokenizer that `accel_runtime.text.clip_tokenizer.read_tokenizer` returned.
        spec: Its padding and length.
    """

    def __init__(self, tokenizer: Tokenizer, spec: TextSpec) -> None:
        self._tokenizer = tokenizer
        self._spec = spec
        self._spreads = _spreads([token.content for _, token in sorted(tokenizer.get_added_tokens_decoder().items())])

    def encode(self, prompt: str) -> Tokens:
        """Tokenise as diffusers does: too long prompts lose their end but keep the end mark.

        A word of several vectors, as textual inversion makes them, becomes all of its words.

        Raises:
            InputError: The prompt is far longer than any text encoder reads, or no Unicode text.
            BundleError: The tokenizer cannot do it.
        """
        _check_prompt(prompt)
        with told_as(BundleError, f"{self._spec.tokenizer}: cannot tokenise the prompt"):
            prompt = self._spread(prompt)
            encoding = self._tokenizer.encode(prompt)
        ids, length = encoding.ids, self._spec.max_length
        kept = ids if len(ids) <= length else [*ids[: length - 1], ids[-1]]
        cut = prompt[encoding.offsets[length - 1][0] :] if len(ids) > length else ""
        padded = kept + [self._spec.pad_id] * (length - len(kept))
        return Tokens(ids=np.array(padded, np.int64), count=len(ids), cut=cut)

    def _spread(self, prompt: str) -> str:
        """Write words of several vectors as all of their words, as diffusers does."""
        if not self._spreads:
            return prompt
        found = set(self._tokenizer.encode(prompt, add_special_tokens=False).tokens)
        for word, words in self._spreads.items():
            if word in found:
                prompt = prompt.replace(word, words)
        return prompt


def _spreads(added: Sequence[str]) -> dict[str, str]:
    """What stands for each added word that has further vectors: ``<cat>`` → ``<cat> <cat>_1 …``."""
    spreads = {}
    for word in added:
        if more := [*takewhile(frozenset(added).__contains__, (f"{word}_{i}" for i in count(1)))]:
            spreads[word] = " ".join((word, *more))
    return spreads


def _check_prompt(prompt: str) -> None:
    if len(prompt) > LONGEST_PROMPT:
        raise InputError(f"prompt: expected at most {LONGEST_PROMPT} characters, got {len(prompt)}")
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"prompt: character {error.start} is no Unicode text: {first_line(error)}") from error
