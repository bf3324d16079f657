"""What an ONNX file says of itself, read without the onnx package: where its weights lie, what it takes and gives.

Both could be asked of whatever loads the graph, but each library answers in its own way, and only after it has opened
the files that are in question. Numbers of fields: onnx.proto3 of ONNX 1.23.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from accel_runtime.bundle.protobuf import BYTES, VARINT, Field, read_fields

# Message → field → the message in it. All that may hold a tensor, and so a reference to a file.
_PARTS: Final[Mapping[str, Mapping[int, str]]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
# Where protobuf would merge two of them into one, which a reader of each by itself does not see.
_ONLY_ONCE: Final = frozenset(
    {("model", 7), ("training", 1), ("training", 2), ("attribute", 5), ("attribute", 6), ("attribute", 22)}
    | {("sparse", 1), ("sparse", 2)}
)
_GRAPH: Final = 7
_INPUT, _OUTPUT = 11, 12
_EXTERNAL_DATA: Final = 13
_KEY: Final = b"location"
# protobuf's own limit.
_DEEPEST: Final = 100

_TYPES: Final = {1: "float32", 6: "int32", 7: "int64", 10: "float16", 16: "bfloat16"}


@dataclass(frozen=True, slots=True)
class ExternalData:
    """Bytes of another file that a tensor is made of.

    Attributes:
        location: The file, as the graph names it: relative to the graph's own folder.
        offset: Offset of the first byte.
        length: How many; None where the graph does not say.
    """

    location: str
    offset: int
    length: int | None


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output.

    Attributes:
        name: Name of the tensor.
        dtype: Type as the manifest calls it; ONNX's number for types that it does not know.
        shape: Numbers, symbols, and None where the graph leaves a dimension unnamed; None if it has no shape.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """What a file says."""

    external: frozenset[ExternalData]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def parse_onnx(data: bytes) -> OnnxFile:
    """Look into the bytes of an ONNX file.

    Raises:
        ValueError: They are none, or say something twice or in a way that nobody can follow.
    """
    graphs = [field for field in read_fields(data, 0, len(data)) if (field.number, field.wire) == (_GRAPH, BYTES)]
    if len(graphs) != 1:
        raise ValueError(f"expected one graph, got {len(graphs)}")
    ports: dict[int, list[Port]] = {_INPUT: [], _OUTPUT: []}
    for field in read_fields(data, graphs[0].start, graphs[0].stop):
        if field.number in ports and field.wire == BYTES:
            ports[field.number].append(_port(data, field))
    return OnnxFile(frozenset(_external(data)), tuple(ports[_INPUT]), tuple(ports[_OUTPUT]))


def _external(data: bytes) -> Iterator[ExternalData]:
    """Every reference to another file: in graphs, in graphs within nodes, in functions, in what trains."""
    waiting = [("model", 0, len(data), 0)]
    while waiting:
        message, start, stop, depth = waiting.pop()
        if message == "tensor":
            yield from _external_of(data, start, stop)
            continue
        if depth > _DEEPEST:
            raise ValueError("nested too deeply")
        seen = set()
        for field in read_fields(data, start, stop):
            part = _PARTS[message].get(field.number)
            if part is None or field.wire != BYTES:
                continue
            if (message, field.number) in _ONLY_ONCE and field.number in seen:
                raise ValueError(f"field {field.number} of a {message} twice")
            seen.add(field.number)
            # What does not hold the key holds no reference, however it is nested.
            if data.find(_KEY, field.start, field.stop) >= 0:
                waiting.append((part, field.start, field.stop, depth + 1))


def _external_of(data: bytes, start: int, stop: int) -> Iterator[ExternalData]:
    """The reference of a tensor, if it has one."""
    said: dict[str, str] = {}
    for field in read_fields(data, start, stop):
        if (field.number, field.wire) != (_EXTERNAL_DATA, BYTES):
            continue
        entry = {part.number: part for part in read_fields(data, field.start, field.stop) if part.wire == BYTES}
        key, value = (_text(data, entry[number]) if number in entry else "" for number in (1, 2))
        if key in said:
            raise ValueError(f"external data with two of {key!r}")
        said[key] = value
    if said:
        length = _number(said["length"]) if "length" in said else None
        yield ExternalData(said.get("location", ""), _number(said.get("offset", "0")), length)


def _port(data: bytes, value: Field) -> Port:
    """A `ValueInfoProto`: name, and type → tensor → element type and shape → dimensions."""
    fields = {field.number: field for field in read_fields(data, value.start, value.stop)}
    name = _text(data, fields[1]) if 1 in fields else ""
    tensor = _within(data, fields.get(2), 1)
    parts = {} if tensor is None else {part.number: part for part in read_fields(data, tensor.start, tensor.stop)}
    element = parts[1].start if 1 in parts and parts[1].wire == VARINT else 0
    shape = parts.get(2)
    dims = None if shape is None or shape.wire != BYTES else tuple(_dimensions(data, shape))
    return Port(name, _TYPES.get(element, f"element type {element}"), dims)


def _within(data: bytes, message: Field | None, number: int) -> Field | None:
    """A message in a message."""
    if message is None or message.wire != BYTES:
        return None
    found = [field for field in read_fields(data, message.start, message.stop) if field.number == number]
    return found[-1] if found and found[-1].wire == BYTES else None


def _dimensions(data: bytes, shape: Field) -> Iterator[int | str | None]:
    for dimension in read_fields(data, shape.start, shape.stop):
        if (dimension.number, dimension.wire) != (1, BYTES):
            continue
        said: int | str | None = None
        for field in read_fields(data, dimension.start, dimension.stop):
            if (field.number, field.wire) == (1, VARINT):
                said = field.start
            elif (field.number, field.wire) == (2, BYTES):
                said = _text(data, field)
        yield said


def _text(data: bytes, field: Field) -> str:
    if field.wire != BYTES:
        raise ValueError(f"expected text, got wire type {field.wire}")
    return data[field.start : field.stop].decode()


def _number(text: str) -> int:
    """A number of bytes: decimal, and of a size that a file can have."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 19):
        raise ValueError(f"external data: expected a number of bytes, got {text[:40]!r}")
    return int(text)
