"""Files of prompts, in three forms."""

from pathlib import Path
from typing import TypeVar

import msgspec

from accel_runtime.errors import InputError

_Schema = TypeVar("_Schema")


class _Annotation(msgspec.Struct):
    """One caption of a picture in COCO's form; other keys are ignored."""

    image_id: int
    caption: str


class _Coco(msgspec.Struct):
    """A file of COCO's captions, such as `captions_val2014.json`."""

    annotations: tuple[_Annotation, ...]


def read_prompts(path: Path) -> tuple[str, ...]:
    """Return the prompts in a file, in the file's order, without white space around them.

    The first character of the file decides its form; its name does not matter:

    - ``[``: a JSON list of strings;
    - ``{``: COCO's captions; the first caption of each picture is taken;
    - anything else: text with one prompt per line. Lines that begin with ``#`` are comments.

    Blank prompts are skipped in all forms.

    Raises:
        InputError: The file cannot be read, is not UTF-8, is malformed or holds no prompt; the message names the file
            and the key.
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
        return path.read_text(encoding="utf-8-sig")  # editors on Windows write a byte order mark first
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
    """The first caption of each picture that is not blank."""
    first: dict[int, str] = {}
    for annotation in coco.annotations:
        if annotation.caption.strip():
            first.setdefault(annotation.image_id, annotation.caption)
    return tuple(first.values())
