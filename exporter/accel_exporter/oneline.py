"""A library's error as part of one line of ours."""

from typing import Final

_LONGEST: Final = 160


def one_line(error: BaseException) -> str:
    """Return what ``error`` says without line breaks, cut to a readable length."""
    line = " ".join(str(error).split()) or type(error).__name__
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
