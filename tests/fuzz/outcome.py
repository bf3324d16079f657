"""What one command, or one reader, made of an input."""

import os
import re
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

from tests.command import accel

from accel_runtime.errors import AccelError

Kind = Literal["refused", "same", "other", "untidy", "traceback", "hang", "crash"]
FAULTS: Final[tuple[Kind, ...]] = ("untidy", "traceback", "hang", "crash")
KINDS: Final[tuple[Kind, ...]] = ("refused", "same", "other", *FAULTS)

_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class RefusedError(AccelError):
    """A command ended with one line."""


class UntidyError(Exception):
    """A command did not end as it should: more than a line, none, control characters, something left behind."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an input ended; ``detail`` is for people."""

    kind: Kind
    detail: str = ""


def outcome_of(use: Callable[[Path], str], folder: Path, *, expected: str) -> Outcome:
    """Use an input in ``folder``; what comes out is the same where its digest is ``expected``."""
    try:
        with _nothing_said_below():
            made = use(folder)
        _check_nothing_left(folder)
    except AccelError as error:
        return Outcome("refused", str(error))
    except UntidyError as error:
        return Outcome("untidy", str(error))
    # Rust's panics are no `Exception`.
    except BaseException:  # noqa: BLE001 - whatever it is, it is what is looked for
        return Outcome("traceback", traceback.format_exc())
    return Outcome("same" if made == expected else "other", made)


def run_accel(folder: Path, *words: str, result: str | None = None) -> str:
    """Run a command in ``folder``; the digest of its file ``result``, or of what it printed.

    Raises:
        RefusedError: It ended with one line, as it should.
        UntidyError: It ended otherwise.
    """
    done = accel(*words, cwd=folder)
    if match := _CONTROLS.search(done.stdout + done.stderr):
        raise UntidyError(f"a control character {match[0]!r} reached the terminal: {done.stderr[:300]!r}")
    if done.returncode == 0:
        return digest(done.stdout.encode() if result is None else (folder / result).read_bytes())
    lines = [line for line in done.stderr.strip().splitlines() if not line.startswith("note: ")]
    if len(lines) != 1 or not lines[0].startswith("accel: ") or len(lines[0]) > 5000:
        raise UntidyError(f"expected one line, got {len(lines)}: {done.stderr[:500]!r}")
    raise RefusedError(lines[0])


def digest(raw: bytes) -> str:
    """A short name of some content."""
    return sha256(raw).hexdigest()[:16]


def _check_nothing_left(folder: Path) -> None:
    left = [path.name for path in folder.rglob(".*")]
    if left:
        raise UntidyError(f"left behind: {', '.join(left)}")


@contextmanager
def _nothing_said_below() -> Iterator[None]:
    """Libraries in C++ and Rust write to the file descriptors, past Python's streams: that is untidy too."""
    with tempfile.TemporaryFile() as said:
        kept = os.dup(1), os.dup(2)
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            for number, descriptor in zip((1, 2), kept, strict=True):
                os.dup2(descriptor, number)
                os.close(descriptor)
            said.seek(0)
            text = said.read(2000).decode("utf-8", "replace")
        if text.strip():
            raise UntidyError(f"a library wrote: {text}")
