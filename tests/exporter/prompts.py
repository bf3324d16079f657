"""Prompts that tokenizers get wrong."""

import numpy as np

BY_HAND = (
    "",
    "a cat",
    "  spaces   and\ttabs\n and\u00a0odd\u2003ones ",
    "it's we'RE 'tis ''s don't y'all'd've",
    "<|endoftext|> a <|startoftext|>b<|endoftext|>",
    "<|STARTOFTEXT|>!! and !!<|StartOfText|>!!",
    "marks in any order: a\u0301\u0323b e\u0301 \u0345\u0334a",
    "Hangul 각 가\u11a8 \u1100\u1161\u11a8",
    "ligatures ﬁ, cases ǅ İ ẞ Σσς, Å Å Ω",
    "numbers 1234 ½ Ⅷ ²",
    "🦊👩‍🚀 fox, 東京, \u0958 \u0dda\u0d4a",
    "zero\0byte and \ufffd",
)


def random_prompts(count: int, *, seed: int) -> list[str]:
    """Plain text, any code point at all, scripts with marks and syllables, and words that tokenizers trip over."""
    rng = np.random.default_rng(seed)
    words = ("apple", "'s", "<|endoftext|>", "<|ENDOFTEXT|>", "Café", "e\u0301", "12", "x!!", "...", "東京", "\u0345")
    blocks = ((32, 126), (0xA0, 0x250), (0x300, 0x36F), (0x900, 0xDFF), (0x1100, 0x11FF), (0xAC00, 0xD7A3), (97, 122))

    def prompt() -> str:
        kind, length = rng.integers(4), int(rng.integers(40))
        if kind == 0:
            return "".join(map(chr, rng.integers(32, 127, length)))
        if kind == 1:
            return "".join(chr(code) for code in rng.integers(0x110000, size=length) if not 0xD800 <= code < 0xE000)
        if kind == 2:
            return "".join(
                chr(rng.integers(*blocks[each], endpoint=True)) for each in rng.integers(len(blocks), size=length)
            )
        return " ".join(rng.choice(words, length // 3))

    return [prompt() for _ in range(count)]
