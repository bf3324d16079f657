"""Prompts to CLIP's token ids, by the `tokenizers` library and the bundle's own `tokenizer.json`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from accel_runtime.errors import BundleError
from accel_runtime.manifest import TextSpec


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
    """The tokenizer of a bundle.

    Args:
        path: The `tokenizer.json`.
        spec: Its padding and length.

    Raises:
        BundleError: The file is not a tokenizer.
    """

    def __init__(self, path: Path, spec: TextSpec) -> None:
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        # The Rust library raises bare Exception.
        except Exception as error:
            raise BundleError(f"{path}: not a tokenizer: {error}") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._spec = spec

    def encode(self, prompt: str) -> Tokens:
        """Tokenise as diffusers does: too long prompts lose their end but keep the end mark."""
        encoding = self._tokenizer.encode(prompt)
        ids, length = encoding.ids, self._spec.max_length
        kept = ids if len(ids) <= length else [*ids[: length - 1], ids[-1]]
        cut = prompt[encoding.offsets[length - 1][0] :] if len(ids) > length else ""
        padded = kept + [self._spec.pad_id] * (length - len(kept))
        return Tokens(ids=np.array(padded, np.int64), count=len(ids), cut=cut)
