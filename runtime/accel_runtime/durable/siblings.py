"""Hidden siblings: where something is written before it takes its name, and what killed processes left of it.

A sibling of ``NAME`` is called ``.NAME.partial-TOKEN`` while it is filled, and ``.NAME.old-TOKEN`` where an old folder
had to be put aside. Tokens are random: a process number in a name may be anyone's by the time it is read.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Final, Literal

Kind = Literal["partial", "old"]

# Eight hexadecimal digits; earlier versions wrote the number of a process.
_MARK: Final = r"(?:[0-9a-f]{8}|[0-9]+)"
_PARTIAL: Final = re.compile(rf"\..+\.partial-{_MARK}")
_ANY: Final = re.compile(rf"\..+\.(?:partial-{_MARK}|old-{_MARK}|lock)")


def sibling(target: Path, kind: Kind) -> Path:
    """A new name beside ``target``."""
    return target.with_name(f".{target.name}.{kind}-{token_hex(4)}")


def siblings(target: Path, kind: Kind) -> Iterator[Path]:
    """Those of ``target`` that are there."""
    pattern = re.compile(re.escape(f".{target.name}.{kind}-") + _MARK)
    for path in target.parent.iterdir():
        if pattern.fullmatch(path.name):
            yield path


def is_hidden_sibling(name: str) -> bool:
    """Whether ``name`` is one of ours: something half-written, put aside, or a lock."""
    return _ANY.fullmatch(name) is not None


def is_partial(name: str) -> bool:
    """Whether ``name`` is that of something half-written."""
    return _PARTIAL.fullmatch(name) is not None
