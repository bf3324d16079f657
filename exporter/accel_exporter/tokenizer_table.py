"""CLIP's tokenizer as a table of numbers, for a tokenizer without dependencies, such as one in C++.

`tokenizer.json` needs a Unicode library and a regular expression engine to be read. Here the very library that reads it
(Hugging Face `tokenizers`) is asked once what it does with each code point, so that its versions of Unicode and of the
regular expressions are kept, whatever the reader's are. The layout and the algorithm: docs/tokenizer-table.md.
"""

import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import count, pairwise, takewhile
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

from accel_runtime.errors import ExportError

FORMAT: Final = "accel-tokenizer"
VERSION: Final = "1"
# With words that were added to the vocabulary, which a reader of version 1 would spell.
_VERSION_WITH_WORDS: Final = "2"
SPACE, LETTER, NUMBER = 1, 2, 3

# What the table can express: CLIP's, as transformers 4 and 5 write it.
_NORMALIZER: Final = ("NFC", "Replace", "Lowercase")
_PATTERN: Final = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
_SUFFIX: Final = "</w>"
# All code points that can have a property: planes 4 to 13 are unassigned, 15 and 16 private.
_CODES: Final = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x40000), *range(0xE0000, 0xE1000))))
_HANGUL: Final = range(0xAC00, 0xD7A4)
_BELOW, _IOTA_BELOW = "\u0334", "\u0345"  # the lowest and the highest combining class

Arrays = dict[str, npt.NDArray[np.generic]]


def tokenizer_table(tokenizer: Tokenizer) -> tuple[Arrays, dict[str, str]]:
    """The arrays and metadata of the table.

    Args:
        tokenizer: Tokenizer of `tokenizer.json`.

    Raises:
        ExportError: It is not CLIP's: it normalises, splits or merges in a way that the table does not express.
    """
    document = json.loads(tokenizer.to_str())
    _check(document)
    model = document["model"]
    arrays = {**_unicode(), **_merges(model)}
    words = [token for token in document["added_tokens"] if token["normalized"] and not token["special"]]
    specials = {token["content"]: token["id"] for token in document["added_tokens"] if token not in words}
    ids = tokenizer.encode("").ids
    metadata = {
        "format": FORMAT,
        "version": _VERSION_WITH_WORDS if words else VERSION,
        "specials": json.dumps(specials, sort_keys=True),
        "begin": str(ids[0]),
        "end": str(ids[-1]),
        "unknown": str(model["vocab"].get(model["unk_token"], specials.get(model["unk_token"], -1))),
    }
    if words:
        metadata |= {
            "words": json.dumps(_as_compared(tokenizer, words)),
            "spread": json.dumps(_spread(tokenizer, words)),
        }
    return arrays, metadata


def _as_compared(tokenizer: Tokenizer, words: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Ids by word, which is compared with text that went through all that is done to prompts."""
    return {tokenizer.normalizer.normalize_str(word["content"]): word["id"] for word in words}


def _spread(tokenizer: Tokenizer, words: Sequence[Mapping[str, Any]]) -> list[tuple[int, str, str]]:
    """Id, word, and all words that it is written out as, for words of several vectors, as diffusers does it."""
    contents, spread = {word["content"] for word in words}, []
    for word in words:
        content = word["content"]
        more = [*takewhile(contents.__contains__, (f"{content}_{i}" for i in count(1)))]
        # The library may know it in another spelling, which diffusers does not look for.
        if more and content in tokenizer.encode(content, add_special_tokens=False).tokens:
            spread.append((word["id"], content, " ".join((content, *more))))
    return spread


def _check(document: Mapping[str, Any]) -> None:
    steps = [step["type"] for step in document["normalizer"].get("normalizers", ())]
    splits = document["pre_tokenizer"].get("pretokenizers", ({},))
    pattern = splits[0].get("pattern", {}).get("Regex", "")
    model = document["model"]
    sound = {
        "normalizer": tuple(steps) == _NORMALIZER,
        "pre_tokenizer": pattern.endswith(_PATTERN) and splits[-1]["type"] == "ByteLevel",
        "model": model["type"] == "BPE" and model["end_of_word_suffix"] == _SUFFIX and not model["ignore_merges"],
        "added_tokens": all(not (token["lstrip"] or token["rstrip"]) for token in document["added_tokens"]),
        "post_processor": document["post_processor"]["type"] in ("RobertaProcessing", "TemplateProcessing"),
    }
    if strange := [part for part, is_sound in sound.items() if not is_sound]:
        raise ExportError(
            f"tokenizer.json: {', '.join(strange)}: not as in CLIP's tokenizer, which is what can be exported"
        )


@cache
def _unicode() -> Arrays:
    """The library's behaviour for each code point, which is the same for every tokenizer of CLIP's kind."""
    decomposed = _mapped(normalizers.NFD(), skip=_HANGUL)
    return {
        "classes": _classes(),
        **_packed("lower", _mapped(normalizers.Lowercase())),
        **_packed("decompose", decomposed),
        "compose": np.array(list(_compositions(decomposed)), np.uint32),
        "combining": np.array(list(_combining()), np.uint32),
    }


def _classes() -> npt.NDArray[np.generic]:
    """Ranges of code points with their class, ascending. Shape: [n, 3]: first, last, class."""
    patterns = {SPACE: r"\s+", LETTER: r"\p{L}+", NUMBER: r"\p{N}+"}
    found = [(first, last, kind) for kind, pattern in patterns.items() for first, last in _ranges(pattern)]
    return np.array(sorted(found), np.uint32)


def _ranges(pattern: str) -> Iterator[tuple[int, int]]:
    split = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    for piece, _ in split.pre_tokenize_str(_CODES):
        codes = [ord(character) for character in piece]
        # A piece may reach across what is left out.
        starts = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(codes)) if b != a + 1), len(codes)]
        for start, stop in pairwise(starts):
            yield codes[start], codes[stop - 1]


def _mapped(normalizer: Any, *, skip: Sequence[int] = ()) -> dict[int, str]:
    """Code points that a normalizer changes, each by itself."""
    separator = "\0"
    made = normalizer.normalize_str(separator.join(_CODES[1:])).split(separator)
    pairs = zip(_CODES[1:], made, strict=True)
    return {ord(code): text for code, text in pairs if code != text and ord(code) not in skip}


def _packed(name: str, mapping: Mapping[int, str]) -> Arrays:
    """A mapping to strings as code points ascending, offsets, and all the strings one after the other."""
    codes = sorted(mapping)
    lengths = [len(mapping[code]) for code in codes]
    return {
        f"{name}_from": np.array(codes, np.uint32),
        f"{name}_at": np.cumsum([0, *lengths]).astype(np.uint32),
        f"{name}_to": np.array([ord(c) for code in codes for c in mapping[code]], np.uint32),
    }


def _compositions(decomposed: Mapping[int, str]) -> Iterator[tuple[int, int, int]]:
    """First, second, composed: the pairs that NFC joins; Hangul's are arithmetic."""
    compose = normalizers.NFC().normalize_str
    found = set()
    for code, parts in decomposed.items():
        head = compose(parts[:-1])
        if len(head) == 1 and compose(head + parts[-1]) == chr(code):
            found.add((ord(head), ord(parts[-1]), code))
    yield from sorted(found)


def _combining() -> Iterator[tuple[int, int]]:
    """Code points with their canonical combining class, where the library reorders by it.

    The class is Python's: Unicode never changes one. Whether the library's older Unicode knows the code point at all is
    asked: an unknown one is not reordered.
    """
    decompose = normalizers.NFD().normalize_str
    for character in _CODES:
        kind = unicodedata.combining(character)
        if not kind:
            continue
        behind = decompose(f"a{_IOTA_BELOW}{character}")
        known = behind != f"a{_IOTA_BELOW}{character}" or decompose(f"a{character}{_BELOW}") != f"a{character}{_BELOW}"
        if known or character in (_BELOW, _IOTA_BELOW):
            yield ord(character), kind


def _merges(model: Mapping[str, Any]) -> Arrays:
    """Byte-pair merges as ids, best first, and the ids of each byte: inside a word, and as its last."""
    vocab: Mapping[str, int] = model["vocab"]
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"]]
    letters = [_letter_of_byte(byte) for byte in range(256)]
    return {
        "merges": np.array([(vocab[a], vocab[b], vocab[a + b]) for a, b in pairs], np.int32).reshape(-1, 3),
        "bytes": np.array([(vocab.get(c, -1), vocab.get(c + _SUFFIX, -1)) for c in letters], np.int32),
    }


def _letter_of_byte(byte: int) -> str:
    """GPT-2's printable stand-in for a byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    if byte in plain:
        return chr(byte)
    return chr(256 + [other for other in range(256) if other not in plain].index(byte))
