"""`tokenizer.json` of CLIP's kind, and of no other.

The library that runs it would run anything: expressions that never end, normalisers that make a million tokens of one,
tables that end in a panic of Rust's. So the schema below is what transformers writes for CLIP, with bounds, and only
what went through it reaches the library.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from tokenizers import Tokenizer

from accel_runtime.base.reading import decode_json
from accel_runtime.errors import AccelError, BundleError, first_line
from accel_runtime.manifest.basics import TokenId

# CLIP has 49,408 tokens and 48,894 merges.
_MOST_TOKENS: Final = 2**18
_MOST_ADDED: Final = 2**14
_LONGEST: Final = 256

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=_LONGEST)]
# As transformers 4 and 5 write it.
Words = Literal[
    r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The base of every part."""


class _Typed(_Strict, frozen=True, tag_field="type", tag=True):
    """The base of parts that are told apart by their type."""


class Spaces(_Strict, frozen=True):
    """What is replaced by a blank."""

    Regex: Literal[r"\s+"]


class NFC(_Typed, frozen=True):
    """Unicode's composed form."""


class Replace(_Typed, frozen=True):
    """Runs of space become one blank."""

    pattern: Spaces
    content: Literal[" "]


class Lowercase(_Typed, frozen=True):
    """Lower case."""


class Normalizers(_Typed, frozen=True, tag="Sequence"):
    """One after the other."""

    normalizers: Annotated[tuple[NFC | Replace | Lowercase, ...], msgspec.Meta(max_length=3)]


class Pattern(_Strict, frozen=True):
    """What a word is."""

    Regex: Words


class Split(_Typed, frozen=True):
    """Into words, without what lies between."""

    pattern: Pattern
    behavior: Literal["Removed"]
    invert: bool

    def __post_init__(self) -> None:
        if not self.invert:
            raise ValueError("expected the words, got what lies between them")


class ByteLevel(_Typed, frozen=True):
    """Every byte is a printable character."""

    add_prefix_space: bool
    trim_offsets: bool
    use_regex: bool = True


class PreTokenizers(_Typed, frozen=True, tag="Sequence"):
    """One after the other."""

    pretokenizers: tuple[Split, ByteLevel]


class RobertaProcessing(_Typed, frozen=True):
    """One token behind, one before."""

    sep: tuple[Text, TokenId]
    cls: tuple[Text, TokenId]
    trim_offsets: bool
    add_prefix_space: bool


class Named(_Strict, frozen=True):
    """Something in a template, by its name."""

    id: Text
    type_id: TokenId


class Piece(_Strict, frozen=True, omit_defaults=True):
    """A special token in a template, or the text: one of the two."""

    SpecialToken: Named | None = None
    Sequence: Named | None = None


class Special(_Strict, frozen=True):
    """What a special token of a template becomes."""

    id: Text
    ids: tuple[TokenId]
    tokens: tuple[Text]


class TemplateProcessing(_Typed, frozen=True):
    """The same as a template: one token before, one behind. Pairs of texts are never asked for."""

    single: tuple[Piece, Piece, Piece]
    pair: Annotated[tuple[Piece, ...], msgspec.Meta(max_length=8)]
    special_tokens: Annotated[dict[Text, Special], msgspec.Meta(max_length=8)]

    def __post_init__(self) -> None:
        for piece in (*self.single, *self.pair):
            if (piece.SpecialToken is None) == (piece.Sequence is None):
                raise ValueError("expected a special token or a text in every piece of a template")
        if [piece.Sequence is None for piece in self.single] != [True, False, True]:
            raise ValueError("expected a template of a special token, the text, and a special token")


class BPE(_Typed, frozen=True):
    """Byte-pair merges, the best first."""

    vocab: Annotated[dict[str, TokenId], msgspec.Meta(max_length=_MOST_TOKENS)]
    merges: Annotated[tuple[str | tuple[str, str], ...], msgspec.Meta(max_length=_MOST_TOKENS)]
    unk_token: Text | None
    end_of_word_suffix: Literal["</w>"]
    continuing_subword_prefix: Literal[""] | None = None
    dropout: None = None
    fuse_unk: bool = False
    byte_fallback: bool = False
    ignore_merges: bool = False

    def __post_init__(self) -> None:
        if self.fuse_unk or self.byte_fallback or self.ignore_merges:
            raise ValueError("expected none of fuse_unk, byte_fallback and ignore_merges")
        if any(len(token) > _LONGEST for token in self.vocab):
            raise ValueError(f"expected tokens of at most {_LONGEST} characters")


class AddedToken(_Strict, frozen=True):
    """A text that is one token, wherever it stands."""

    id: TokenId
    content: Text
    single_word: bool
    lstrip: bool
    rstrip: bool
    normalized: bool
    special: bool


class ClipTokenizer(_Strict, frozen=True):
    """The whole document. How long a text may be, and what fills it up, is the caller's and not read."""

    version: Literal["1.0"]
    added_tokens: Annotated[tuple[AddedToken, ...], msgspec.Meta(max_length=_MOST_ADDED)]
    normalizer: Normalizers
    pre_tokenizer: PreTokenizers
    post_processor: RobertaProcessing | TemplateProcessing
    decoder: ByteLevel
    model: BPE
    truncation: object = None
    padding: object = None


def read_tokenizer(raw: bytes, path: Path, *, error: type[AccelError] = BundleError) -> Tokenizer:
    """The tokenizer of the bytes of a `tokenizer.json`; ``path`` is only for messages.

    Raises:
        AccelError: As ``error``; it is none, or not CLIP's.
    """
    try:
        document = decode_json(raw, ClipTokenizer, path=path, error=error)
    except error as failure:
        message = str(failure).removeprefix(f"{path}: ")
        raise error(f"{path}: not a tokenizer of CLIP's kind: {message}") from failure
    checked = msgspec.structs.replace(document, truncation=None, padding=None)
    with told_as(error, f"{path}: not a tokenizer"):
        return Tokenizer.from_buffer(msgspec.json.encode(checked))


@contextmanager
def told_as(error: type[AccelError], what: str) -> Iterator[None]:
    """Turn whatever the Rust library raises within the block into one line.

    Raises:
        AccelError: As ``error``, instead of a bare `Exception`, or of a panic, which is not even that.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as failure:
        raise error(f"{what}: {first_line(failure)}") from failure
