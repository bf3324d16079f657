"""Textual inversion: words that were learned for a text encoder, added to its vocabulary before it is exported."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import torch
from torch import Tensor, nn
from transformers import CLIPTokenizer

from accel_exporter.sources.source import TextEncoder
from accel_exporter.sources.tensor_file import TensorFile, open_tensors
from accel_runtime.errors import InputError, SourceError

_LONGEST: Final = 100
# Keys of files that hold vectors for several text encoders, or do not say their word.
_OF_PARTS: Final[Mapping[str, str]] = {"clip_l": "text_encoder", "clip_g": "text_encoder_2"}
_NAMELESS: Final = "emb_params"


@dataclass(frozen=True, slots=True)
class Embedding:
    """A file of textual inversion.

    Attributes:
        path: The file.
        token: The word that stands for it in prompts; None for the file's own, or its name if it says none.
    """

    path: Path
    token: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """From ``FILE`` or ``FILE=WORD``.

        >>> Embedding.parse("cat.safetensors=<cat>").token
        '<cat>'
        """
        name, separator, token = text.partition("=")
        if not separator or Path(text).exists():
            return cls(Path(text))
        if not token:
            raise InputError(f"--embedding {text}: expected FILE=WORD, got no word")
        return cls(Path(name), token)


@dataclass(frozen=True, slots=True)
class OpenEmbedding:
    """An embedding that `open_embedding` compared with the text encoders.

    Attributes:
        file: The file.
        token: The word that the user chose.
        widths: By text encoder, its ``hidden_size``.
        words: By text encoder, the words of its vectors: ``<cat>``, then ``<cat>_1`` and on where there are several.
    """

    file: TensorFile
    token: str | None
    widths: Mapping[str, int]
    words: Mapping[str, tuple[str, ...]]

    def extend_tokenizer(self, part: str, tokenizer: CLIPTokenizer) -> None:
        """Add the words of a text encoder to its tokenizer, as diffusers does.

        Raises:
            SourceError: The tokenizer has one of them.
        """
        known = tokenizer.get_vocab()
        for word in self.words.get(part, ()):
            if word in known:
                raise SourceError(f"{self.file.name}: the tokenizer knows '{word}' already: choose another word, =WORD")
            tokenizer.add_tokens(word)

    def extend_encoder(self, part: str, model: TextEncoder, *, first: int) -> None:
        """Put the vectors of a text encoder into rows ``first`` and on of its table, which grows as it needs to."""
        if part not in self.words:
            return
        rows = _rows_by_part(self.file, self.file.document(), self.token, self.widths)[1][part]
        # transformers does not say what its embeddings are.
        own: Any = model.get_input_embeddings()
        grown = torch.zeros(max(len(own.weight), first + len(rows)), rows.shape[1])
        grown[: len(own.weight)] = own.weight.detach()
        grown[first : first + len(rows)] = rows
        table = nn.Embedding(len(grown), grown.shape[1], _weight=grown)
        model.set_input_embeddings(table)
        model.config.vocab_size = len(grown)


def open_embedding(embedding: Embedding, widths: Mapping[str, int]) -> OpenEmbedding:
    """Open an embedding for text encoders.

    Args:
        embedding: File and word.
        widths: By text encoder, its ``hidden_size``.

    Raises:
        SourceError: The file is no embedding, or of other text encoders.
        InputError: There is no word for it that can stand in a prompt.
    """
    file = open_tensors(embedding.path, what="an embedding")
    token, rows = _rows_by_part(file, file.outline(), embedding.token, widths)
    if not 0 < len(token) <= _LONGEST or token != token.strip() or not token.isprintable():
        raise InputError(f"{file.name}: expected a word of 1 to {_LONGEST} characters, got {token!r}: add =WORD")
    words = {part: (token, *(f"{token}_{i}" for i in range(1, len(rows[part])))) for part in rows}
    return OpenEmbedding(file, embedding.token, widths, words)


def _rows_by_part(
    file: TensorFile, document: Any, token: str | None, widths: Mapping[str, int]
) -> tuple[str, dict[str, Tensor]]:
    """The word, and by text encoder its vectors [N, D] in float32.

    Args:
        file: The file, for messages.
        document: What it holds.
        token: The word that the user chose.
        widths: By text encoder, its ``hidden_size``.
    """
    if isinstance(document, Tensor):
        document = {_NAMELESS: document}
    if not isinstance(document, dict) or not document:
        raise SourceError(
            f"{file.name} is no embedding: expected a tensor or named ones, got {type(document).__name__}"
        )
    if document.keys() <= _OF_PARTS.keys():
        return token or file.path.stem, _for_parts(file, document, widths)
    # As in diffusers: one name and its vectors, or what A1111 writes.
    if len(document) == 1:
        ((name, vectors),) = document.items()
    elif isinstance(document.get("string_to_param"), dict):
        name, vectors = document.get("name"), document["string_to_param"].get("*")
    else:
        raise SourceError(
            f"{file.name} is no embedding: expected one tensor, or clip_l and clip_g, got {_few(document)}"
        )
    rows = _rows(file, vectors)
    own = file.path.stem if name == _NAMELESS else str(name)
    for part, width in widths.items():
        if width == rows.shape[1]:
            return token or own, {part: rows}
    raise _of_another_model(file, rows, " or ".join(map(str, widths.values())))


def _for_parts(file: TensorFile, document: Mapping[str, Any], widths: Mapping[str, int]) -> dict[str, Tensor]:
    found = {_OF_PARTS[key]: _rows(file, vectors) for key, vectors in document.items()}
    if strange := found.keys() - widths.keys():
        raise SourceError(f"{file.name} has vectors for {min(strange)}, which this model has not")
    for part, rows in found.items():
        if rows.shape[1] != widths[part]:
            raise _of_another_model(file, rows, str(widths[part]))
    return found


def _rows(file: TensorFile, vectors: object) -> Tensor:
    if not isinstance(vectors, Tensor) or vectors.dim() not in (1, 2) or not vectors.numel():
        got = list(vectors.shape) if isinstance(vectors, Tensor) else type(vectors).__name__
        raise SourceError(f"{file.name} is no embedding: expected vectors [N, D], got {got}")
    return vectors.detach().to(torch.float32).reshape(-1, vectors.shape[-1])


def _of_another_model(file: TensorFile, rows: Tensor, expected: str) -> SourceError:
    return SourceError(
        f"{file.name} is an embedding of another model: its vectors have {rows.shape[1]} numbers, expected {expected}"
    )


def _few(names: Mapping[str, Any]) -> str:
    shown = ", ".join(sorted(map(str, names))[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
