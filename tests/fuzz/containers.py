"""Changes inside of files whose outside must hold: checksums, lengths and offsets are right again afterwards."""

import io
import struct
import zipfile
import zlib
from random import Random
from typing import Any, Final

import msgspec
from tests.fuzz.mutate import NUMBERS, TEXTS, change_bytes, change_document, encode

from accel_runtime.bundle.protobuf import BYTES, VARINT, read_fields

_PNG: Final = b"\x89PNG\r\n\x1a\n"


def change_png(raw: bytes, rng: Random) -> bytes:
    """Change a chunk of a PNG, or add one: sizes, kinds of pixels, texts that unpack to a gigabyte."""
    if not raw.startswith(_PNG) or rng.random() < 0.2:
        return change_bytes(raw, rng)
    chunks = list(_png_chunks(raw))
    at = rng.randrange(len(chunks))
    kind, data = chunks[at]
    if kind == b"IHDR" or rng.random() < 0.3:
        chunks[0] = (b"IHDR", _other_header(chunks[0][1], rng))
    elif rng.random() < 0.4:
        bomb = zlib.compress(b"x" * 2 ** rng.choice((10, 24, 27)))
        added = rng.choice(((b"zTXt", b"k\0\0" + bomb), (b"tEXt", b"k\0" + b"x" * 2**21), (b"iCCP", b"k\0\0" + bomb)))
        chunks.insert(1, added)
    else:
        chunks[at] = (kind, change_bytes(data, rng))
    return _PNG + b"".join(_png_chunk(*chunk) for chunk in chunks)


def change_zip(raw: bytes, rng: Random) -> bytes:
    """Change a member of a zip, or the zip."""
    if rng.random() < 0.3:
        return change_bytes(raw, rng)
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    at = rng.randrange(len(members))
    name, data = members[at]
    members[at] = (name, _other_member(data, rng))
    if rng.random() < 0.1:
        del members[at]
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for each, content in members:
            archive.writestr(each, content)
    return made.getvalue()


def change_safetensors(raw: bytes, rng: Random) -> bytes:
    """Change the header of a safetensors file, or its numbers."""
    if rng.random() < 0.3:
        return change_bytes(raw, rng)
    size = int.from_bytes(raw[:8], "little")
    header, data = msgspec.json.decode(raw[8 : 8 + size]), raw[8 + size :]
    if rng.random() < 0.3:
        special = struct.pack("<d", rng.choice((float("nan"), float("inf"), 1e308, 0.0, -1.0)))
        at = rng.randrange(max(1, len(data) // 8)) * 8
        data = data[:at] + special + data[at + 8 :]
    else:
        header = change_document(header, rng)
    written = encode(header)
    return len(written).to_bytes(8, "little") + written + data


def change_npy(raw: bytes, rng: Random) -> bytes:
    """Change the header of a .npy file, or its numbers."""
    if rng.random() < 0.3:
        return change_bytes(raw, rng)
    size = int.from_bytes(raw[8:10], "little")
    header, data = raw[10 : 10 + size].decode("latin-1"), raw[10 + size :]
    old, new = rng.choice(
        (
            ("'<f4'", rng.choice(("'<f8'", "'<f2'", "'|O'", "'<i8'", "'<U9'", "'<f4'x", "[('a','<f4')]", "'>f4'"))),
            ("False", "True"),
            ("(", f"({rng.choice(NUMBERS)}, "),
            ("shape", "shap"),
            ("}", ""),
            ("{", "(" * rng.choice((1, 90, 300))),
        )
    )
    written = header.replace(old, new).strip().encode("latin-1") + b"\n"
    return raw[:8] + len(written).to_bytes(2, "little") + written + data


def change_protobuf(raw: bytes, rng: Random, *, depth: int = 0) -> bytes:
    """Change one field of a message, or of a message within it."""
    fields = _fields(raw)
    if not fields or (depth == 0 and rng.random() < 0.15):
        return change_bytes(raw, rng)
    at = rng.randrange(len(fields))
    number, kind, value = fields[at]
    choice = rng.randrange(8)
    if choice == 0:
        del fields[at]
    elif choice == 1:
        fields.insert(at, fields[at])
    elif kind == VARINT:
        fields[at] = (number, kind, rng.choice((0, 1, 2, 7, 2**31, 2**63, 2**64 - 1, value ^ 1)))
    elif kind == BYTES and depth < 8 and _fields(value) is not None and rng.random() < 0.8:
        fields[at] = (number, kind, change_protobuf(value, rng, depth=depth + 1))
    elif kind == BYTES:
        other = rng.choice((rng.choice(TEXTS).encode(), change_bytes(value, rng)))
        fields[at] = (number, kind, other)
    else:
        fields[at] = (number, kind, rng.randbytes(len(value)))
    return b"".join(_field(*field) for field in fields)


def _png_chunks(raw: bytes) -> Any:
    at = len(_PNG)
    while at + 8 <= len(raw):
        size = int.from_bytes(raw[at : at + 4], "big")
        yield raw[at + 4 : at + 8], raw[at + 8 : at + 8 + size]
        at += 12 + size


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _other_header(header: bytes, rng: Random) -> bytes:
    width, height, *rest = struct.unpack(">IIBBBBB", header)
    size = rng.choice((0, 1, 7, 63, 65, 10**4, 10**8, 2**31 - 1, 2**32 - 1))
    width, height = rng.choice(((size, height), (width, size), (size, size), (width, height)))
    if rng.random() < 0.5:
        rest[rng.randrange(5)] = rng.randrange(256)
    return struct.pack(">IIBBBBB", width, height, *rest)


def _other_member(data: bytes, rng: Random) -> bytes:
    try:
        return encode(change_document(msgspec.json.decode(data), rng))
    except msgspec.DecodeError:
        return change_bytes(data, rng)


def _fields(raw: bytes) -> Any:
    """The fields of a message as (number, wire type, value); None where it is none."""
    try:
        found = [*read_fields(raw, 0, len(raw))]
    except ValueError:
        return None
    if not all(field.number for field in found):
        return None
    values = (field.start if field.wire == VARINT else raw[field.start : field.stop] for field in found)
    return [(field.number, field.wire, value) for field, value in zip(found, values, strict=True)]


def _write_varint(value: int) -> bytes:
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    return bytes([*written, value])


def _field(number: int, kind: int, value: Any) -> bytes:
    tag = _write_varint(number << 3 | kind)
    if kind == VARINT:
        return tag + _write_varint(value)
    content: bytes = value
    return tag + (_write_varint(len(content)) if kind == BYTES else b"") + content
