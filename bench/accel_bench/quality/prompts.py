"""Files of prompts, in the three forms that people have them in."""

from pathlib import Path
from typing import TypeVar

import msgspec

from accel_runtime.errors import InputError

_Schema = TypeVar("_Schema")


class _Annotation(msgspec.Struct):
    """One caption of a picture, as COCO has it; other keys are ignored."""

    image_id: int
    caption: str


class _Coco(msgspec.Struct):
    """COCO's captions, such as `captions_val2014.json`."""

    annotations: tuple[_Annotation, ...]


def read_prompts(path: Path) -> tuple[str, ...]:
    """Return the prompts in a file, in its order, without white space around them.

    What the file holds is told by how it begins, never by its name:

    - ``[``: a JSON list of strings;
    - ``{``: COCO's captions, of which each picture gives its first;
    - anything else: text with a prompt a line. Lines that begin with ``#`` are comments.

    Blank prompts are skipped in all of them.

    Raises:
        InputError: It cannot be read, is not UTF-8, is malformed or holds no prompt; names the file and the key.
    """
    text = _read_text(path)
    match text.lstrip()[:1]:
        case "[":
            entries = _decode(path, text, schema=tuple[str, ...])
        case "{":
            entries = _first_captions(_decode(path, text, schema=_Coco))
        case _:
            entries = tuple(line for line in text.split("\n") if not line.lstrip().startswith("#"))
    prompts = tuple(prompt for entry in entries if (prompt := entry.strip()))
    if not prompts:
        raise InputError(f"{path}: expected at least one prompt, got none")
    return prompts


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # Windows' editors begin a file with a mark
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected UTF-8, got {error.reason} at byte {error.start}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _decode(path: Path, text: str, *, schema: type[_Schema]) -> _Schema:
    try:
        return msgspec.json.decode(text, type=schema)
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: {error}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        reason = f"expected JSON, since it begins with {text.lstrip()[0]}: {error}"
        raise InputError(f"{path}: {reason}: if it is text, begin it with a # line") from error


def _first_captions(coco: _Coco) -> tuple[str, ...]:
    """One caption per picture that is not blank, the first."""
    first: dict[int, str] = {}
    for annotation in coco.annotations:
        if annotation.caption.strip():
            first.setdefault(annotation.image_id, annotation.caption)
    return tuple(first.values())
