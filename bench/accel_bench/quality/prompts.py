"""Files of prompts, in five forms."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import msgspec

from accel_runtime.errors import InputError

_Schema = TypeVar("_Schema")

_PROMPT: Final = "prompt"
_COMMENT: Final = "#"


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A prompt, and what its row says beside it.

    Attributes:
        prompt: Text, without white space around it.
        negative_prompt: What not to draw; None where the row does not say.
        seed: Seed of the picture's noise; None where the row does not say.
        height: Pixels; None takes the model's.
        width: Pixels; None takes the model's.
        id: What the file calls it, such as COCO's number of a picture.
    """

    prompt: str
    negative_prompt: str | None = None
    seed: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    height: Annotated[int, msgspec.Meta(ge=1)] | None = None
    width: Annotated[int, msgspec.Meta(ge=1)] | None = None
    id: str | int | None = None


class _Annotation(msgspec.Struct):
    """One caption of a picture in COCO's form; other keys are ignored."""

    image_id: int
    caption: str


class _Coco(msgspec.Struct):
    """A file of COCO's captions, such as `captions_val2014.json`."""

    annotations: tuple[_Annotation, ...]


def read_prompts(path: Path) -> tuple[str, ...]:
    """Return the prompts in a file alone; see `read_rows`.

    Raises:
        InputError: As of `read_rows`.
    """
    return tuple(row.prompt for row in read_rows(path))


def read_rows(path: Path) -> tuple[Row, ...]:
    """Return the rows in a file, in the file's order, without white space around their prompts.

    The beginning of the file decides its form; its name does not matter:

    - ``[``: a JSON list of strings;
    - ``{``, and ``prompt`` among the keys of the first line: JSON lines, an object of `Row` in each;
    - ``{`` otherwise: COCO's captions; the first caption of each picture is taken;
    - a first line of names by commas, ``prompt`` among them: CSV (RFC 4180) with the columns of `Row`; empty cells say
      nothing;
    - anything else: text with one prompt per line. Lines that begin with ``#`` are comments.

    Rows whose prompt is blank are skipped in all forms.

    Raises:
        InputError: The file cannot be read, is not UTF-8, is malformed or holds no prompt; the message names the file
            and the key.
    """
    text = _read_text(path)
    rows = (msgspec.structs.replace(row, prompt=row.prompt.strip()) for row in _rows(path, text))
    found = tuple(row for row in rows if row.prompt)
    if not found:
        raise InputError(f"{path}: expected at least one prompt, got none")
    return found


def _rows(path: Path, text: str) -> Iterator[Row]:
    begin = text.lstrip()
    first = begin.partition("\n")[0]
    if begin.startswith("["):
        return map(Row, _decode(path, text, schema=tuple[str, ...]))
    if begin.startswith("{"):
        return _lines(path, text) if _is_row(first) else _first_captions(_decode(path, text, schema=_Coco))
    if _PROMPT in first.strip().split(","):
        return _csv(path, text.lstrip())
    return (Row(line) for line in text.split("\n") if not line.lstrip().startswith(_COMMENT))


def _is_row(line: str) -> bool:
    try:
        return _PROMPT in msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError):
        return False


def _lines(path: Path, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield msgspec.json.decode(line, type=Row)
            except (msgspec.MsgspecError, RecursionError) as error:
                raise InputError(f"{path}: line {number}: {error}") from error


def _csv(path: Path, text: str) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    columns = reader.fieldnames or ()
    if unknown := [name for name in columns if name not in Row.__struct_fields__]:
        raise InputError(f"{path}: column {unknown[0]!r}: expected {', '.join(Row.__struct_fields__)}: leave it out")
    if len(set(columns)) < len(columns):
        raise InputError(f"{path}: expected each column once, got {','.join(columns)}")
    try:
        for cells in reader:
            yield _row_of(path, reader.line_num, cells=cells)
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: {error}") from error


def _row_of(path: Path, number: int, *, cells: dict[str | Any, Any]) -> Row:
    if None in cells:
        raise InputError(f"{path}: line {number}: expected as many cells as columns, got more: quote commas")
    told = {name: cell for name, cell in cells.items() if cell or name == _PROMPT}
    try:
        return msgspec.convert({_PROMPT: "", **told}, Row, strict=False)
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: line {number}: {error}") from error


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


def _first_captions(coco: _Coco) -> Iterator[Row]:
    """The first caption of each picture that is not blank."""
    first: dict[int, str] = {}
    for annotation in coco.annotations:
        if annotation.caption.strip():
            first.setdefault(annotation.image_id, annotation.caption)
    return (Row(caption, id=picture) for picture, caption in first.items())
