"""Text that others wrote, made safe to print: nothing in it moves a cursor, sets a clipboard or hides a word."""

from typing import Final

_NAMED: Final = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
_CONTROLS: Final = (*range(0x20), *range(0x7F, 0xA0))
# Marks, overrides and isolates of the bidirectional algorithm show text in another order than it is read in.
_BIDI: Final = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SEPARATORS: Final = (0x2028, 0x2029)
# Lone ones: bytes of a command line or of a file's name that are no UTF-8.
_SURROGATES: Final = range(0xD800, 0xE000)

_SHOWN: Final = {
    code: _NAMED.get(chr(code), f"\\u{code:04x}") for code in (*_CONTROLS, *_BIDI, *_SEPARATORS, *_SURROGATES)
}


# Characters of a message, and of its end, where the advice is.
_LONGEST: Final = 2000
_END: Final = 500


def printable(text: str) -> str:
    r"""``text`` on one line, with what a terminal would obey or hide shown by its number.

    Everything else stays as it is, in any script. Escapes are those of JSON, so that a JSON document without white
    space between its tokens keeps its meaning.

    >>> print(printable("a\x1b]52;c;\x07b\nc"))
    a\u001b]52;c;\u0007b\nc
    """
    return text.translate(_SHOWN)


def shortened(line: str) -> str:
    """The begin and the end of a ``line`` too long to be read: an error may quote all of a file."""
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - _END]} … {line[-_END:]}"
