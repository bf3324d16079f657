"""Protocol buffers as bytes, field by field: enough to look into a file without the library that wrote it.

The encoding: https://protobuf.dev/programming-guides/encoding.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

# Wire types.
VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5

_LONGEST_VARINT: Final = 10


class Field(NamedTuple):
    """One field of a message.

    Attributes:
        number: Which, in the message's definition.
        wire: Its wire type.
        start: Where its bytes begin; the number itself for `VARINT`.
        stop: One behind the last of them; 0 for `VARINT`.
    """

    number: int
    wire: int
    start: int
    stop: int


def read_fields(data: bytes, start: int, stop: int) -> Iterator[Field]:
    """The fields of the message between two positions, in the order in which they lie there.

    Raises:
        ValueError: It is cut off, or no message.
    """
    at = start
    while at < stop:
        # Most numbers are a single byte: asked for here, a file is read in half the time.
        tag, at = (data[at], at + 1) if data[at] < 0x80 else _varint(data, at, stop)
        number, wire = tag >> 3, tag & 7
        if wire == BYTES:
            is_short = at < stop and data[at] < 0x80
            length, at = (data[at], at + 1) if is_short else _varint(data, at, stop)
            end = at + length
        elif wire == VARINT:
            value, at = _varint(data, at, stop)
            yield Field(number, wire, value, 0)
            continue
        elif wire in (FIXED32, FIXED64):
            end = at + (4 if wire == FIXED32 else 8)
        else:
            raise ValueError(f"unknown wire type {wire}")
        if end > stop:
            raise ValueError("cut off")
        yield Field(number, wire, at, end)
        at = end


def _varint(data: bytes, at: int, stop: int) -> tuple[int, int]:
    """A number of up to 64 bits, and where the next thing begins."""
    value = 0
    for shift in range(_LONGEST_VARINT):
        if at >= stop:
            raise ValueError("cut off")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise ValueError("a number without end")
