"""Prompts to what text encoders make of them; those that were used last are kept."""

from collections.abc import Mapping
from functools import _lru_cache_wrapper, cached_property, lru_cache
from typing import Final

from accel_runtime.backends.base import Array
from accel_runtime.denoising.components import Components
from accel_runtime.text.clip_tokenizer import read_tokenizer
from accel_runtime.text.tokens import PromptTokenizer, Tokens

# Encoded prompts, each 0.2 MB in SD1.5: enough for any batch, and a service never grows by more.
_PROMPTS_KEPT: Final = 256


class Prompts:
    """The tokenizers and text encoders of a bundle.

    Args:
        components: Run the text encoders.
    """

    def __init__(self, components: Components) -> None:
        self._components = components

    def tokenize(self, prompt: str) -> tuple[Tokens, ...]:
        """The ids of a prompt and what of it does not fit, for each text encoder."""
        return tuple(tokenizer.encode(prompt) for tokenizer in self._tokenizers.values())

    @cached_property
    def encode(self) -> "_lru_cache_wrapper[Mapping[str, Array]]":
        """A function of text encoder and prompt; see `Components.embed`. Its cache can be emptied."""

        def encode(encoder: str, prompt: str) -> Mapping[str, Array]:
            return self._components.embed(encoder, self._tokenizers[encoder].encode(prompt).ids)

        return lru_cache(_PROMPTS_KEPT)(encode)

    @cached_property
    def _tokenizers(self) -> Mapping[str, PromptTokenizer]:
        """Tokenizers by text encoder."""
        bundle = self._components.bundle
        return {
            name: PromptTokenizer(read_tokenizer(bundle.read(text.tokenizer), bundle.path(text.tokenizer)), text)
            for name, text in bundle.manifest.texts.items()
        }
