"""What an ONNX file reads and gives, found without onnx: the same as onnx finds, and within the bundle, or refused."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import GraphProto, ModelProto, SparseTensorProto, TensorProto, helper
from tests.command import accel, assert_refused
from tests.fuzz.containers import change_protobuf
from tests.robustness.copies import copy_bundle, one_line, replace_file, seeded

from accel_runtime.bundle.bundle import Bundle, read_bundle
from accel_runtime.bundle.onnx_file import ExternalData, parse_onnx
from accel_runtime.errors import AccelError

GRAPH = "vae_decoder/model.onnx"


@pytest.fixture
def bundle(bundle_folder: Path, tmp_path: Path) -> Path:
    return copy_bundle(bundle_folder, tmp_path / "bundle")


def tensors(message: Message) -> Iterator[TensorProto]:
    """Every tensor in a message, found by the library's own description of its parts."""
    if isinstance(message, TensorProto):
        yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if field.is_repeated else [value]:
                yield from tensors(part)


def external(model: ModelProto) -> set[ExternalData]:
    found = [{entry.key: entry.value for entry in tensor.external_data} for tensor in tensors(model)]
    return {
        ExternalData(said["location"], int(said.get("offset", 0)), int(said["length"]) if "length" in said else None)
        for said in found
        if "location" in said
    }


SIZES = st.integers(0, 2**63 - 1).map(str)
REFERENCES = st.fixed_dictionaries({"location": st.text(max_size=20)}, optional={"offset": SIZES, "length": SIZES})


@st.composite
def tensor_protos(draw: st.DrawFn) -> TensorProto:
    tensor = TensorProto(name=draw(st.sampled_from(["w", "location", ""])), data_type=1, dims=[1])
    if draw(st.booleans()):
        tensor.raw_data = b"location"
        return tensor
    for key, value in draw(REFERENCES).items():
        tensor.external_data.add(key=key, value=value)
    tensor.data_location = TensorProto.EXTERNAL
    return tensor


def graph_protos(depth: int = 2) -> st.SearchStrategy[GraphProto]:
    sparse = st.builds(SparseTensorProto, values=tensor_protos(), indices=tensor_protos())
    values: Any = tensor_protos() | sparse | st.lists(tensor_protos(), min_size=1, max_size=2)
    if depth:
        values |= graph_protos(depth - 1) | st.lists(graph_protos(depth - 1), min_size=1, max_size=2)
    attributes = values.map(lambda value: helper.make_attribute("a", value))
    nodes = st.lists(st.lists(attributes, max_size=2).map(as_node), max_size=2)
    return st.builds(
        GraphProto,
        initializer=st.lists(tensor_protos(), max_size=2),
        sparse_initializer=st.lists(sparse, max_size=1),
        node=nodes,
    )


def as_node(attributes: list[onnx.AttributeProto]) -> onnx.NodeProto:
    return onnx.NodeProto(op_type="If", attribute=attributes)


@st.composite
def models(draw: st.DrawFn) -> ModelProto:
    model = ModelProto(ir_version=10, graph=draw(graph_protos()))
    for part in draw(st.lists(graph_protos(1), max_size=1)):
        model.functions.add(name="f", node=part.node)
    for part in draw(st.lists(graph_protos(1), max_size=1)):
        model.training_info.add(initialization=part, algorithm=part)
    return model


@given(model=models())
@settings(max_examples=60, deadline=None)
def test_every_reference_that_onnx_finds_is_found_wherever_it_hides(model: ModelProto) -> None:
    assert parse_onnx(model.SerializeToString()).external == external(model)


@pytest.mark.parametrize("path", ["unet/shallow_0.onnx", GRAPH, "loop/advance_guided.onnx"])
def test_changed_bytes_are_no_graph_or_say_what_onnx_says_of_them(bundle_folder: Path, path: str) -> None:
    raw, rng = (bundle_folder / path).read_bytes(), seeded(1)
    agreed = 0
    for _ in range(100):
        changed = change_protobuf(raw, rng)
        try:
            ours = parse_onnx(changed)
            theirs = ModelProto.FromString(changed)
        except (ValueError, DecodeError):
            continue
        assert ours.external == external(theirs)
        assert [port.name for port in ours.inputs] == [value.name for value in theirs.graph.input]
        agreed += 1
    assert agreed > 10


def test_what_a_graph_takes_and_gives_is_read_as_onnx_reads_it(bundle_folder: Path) -> None:
    for path in bundle_folder.glob("*/*.onnx"):
        ours, theirs = parse_onnx(path.read_bytes()), onnx.load(path, load_external_data=False).graph
        for ports, values in ((ours.inputs, theirs.input), (ours.outputs, theirs.output)):
            for port, value in zip(ports, values, strict=True):
                tensor = value.type.tensor_type
                assert port.name == value.name
                assert port.dtype == helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
                assert port.shape == tuple(dim.dim_param or dim.dim_value for dim in tensor.shape.dim)


def refer(location: str, **said: str) -> Callable[[TensorProto], None]:
    """Let a tensor be made of bytes of a file."""

    def change(tensor: TensorProto) -> None:
        del tensor.external_data[:]
        for key, value in {"location": location, "offset": "0", "length": "4", **said}.items():
            tensor.external_data.add(key=key, value=value)

    return change


REFUSED: dict[str, tuple[Callable[[TensorProto], None], str]] = {
    "a file that is not listed": (refer("other.data"), "reads 'other.data', which the manifest does not list"),
    "a file outside": (refer("../../secret"), "which the manifest does not list"),
    "a file of another folder, by a detour": (refer("../unet/weights.data"), "which the manifest does not list"),
    "an absolute path": (refer("/etc/passwd"), "which the manifest does not list"),
    "nothing": (refer(""), "which the manifest does not list"),
    "an address in memory": (refer("*/_ORT_MEM_ADDR_/*", offset="4096"), "which the manifest does not list"),
    "bytes behind the end": (refer("model.data", offset="99999999"), "up to byte 100000003, but it has"),
    "a negative offset": (refer("model.data", offset="-4"), "expected a number of bytes, got '-4'"),
    "an offset that overflows": (refer("model.data", offset="9" * 30), "expected a number of bytes"),
    "bytes without end": (refer("model.data", length=""), "expected a number of bytes, got ''"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("place", ["initializer", "attribute", "function"])
def test_a_graph_that_reads_what_it_may_not_is_refused(bundle: Path, name: str, place: str) -> None:
    change, message = REFUSED[name]
    model = onnx.load(bundle / GRAPH, load_external_data=False)
    tensor = TensorProto(name="hidden", data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
    change(tensor)
    if place == "initializer":
        model.graph.initializer.append(tensor)
    elif place == "attribute":
        body = GraphProto(initializer=[tensor])
        model.graph.node.append(as_node([helper.make_attribute("then_branch", body)]))
    else:
        model.functions.add(name="f", node=[as_node([helper.make_attribute("value", tensor)])])
    replace_file(bundle, GRAPH, model.SerializeToString())

    with pytest.raises(AccelError, match=r"vae_decoder/model\.onnx") as caught:
        read_bundle(bundle)
    assert message in one_line(caught.value)


def test_verify_refuses_such_a_graph_too_though_every_hash_holds(bundle: Path, tmp_path: Path) -> None:
    model = onnx.load(bundle / GRAPH, load_external_data=False)
    refer("other.data")(model.graph.initializer[0])
    (bundle / "vae_decoder" / "other.data").write_bytes(bytes(4096))
    replace_file(bundle, GRAPH, model.SerializeToString())

    assert_refused(accel("verify", bundle, cwd=tmp_path), "which the manifest does not list", code=1)


def test_a_graph_knows_what_else_belongs_to_it(bundle: Path) -> None:
    reads = read_bundle(bundle, verification="sizes").reads

    assert reads["unet/shallow_0.onnx"] == reads["unet/deep.onnx"] == ("unet/weights.data",)


def within(number: int, message: bytes) -> bytes:
    """A message as a field of another."""
    low, high = len(message) & 127, len(message) >> 7
    return bytes([number << 3 | 2, low | 128, high]) + message


def model_with(attribute: bytes) -> bytes:
    """A model of one node with one attribute."""
    return within(7, within(1, within(5, attribute)))


def merged_tensor() -> bytes:
    """An attribute whose tensor is said twice: protobuf makes one of the two, whose reference nobody of them has."""
    tensor = TensorProto(data_location=TensorProto.EXTERNAL)
    refer("a")(tensor)
    return model_with(within(5, tensor.SerializeToString()) * 2)


def nested(depth: int) -> bytes:
    """A reference in a graph in a node in a graph …, deeper than protobuf itself would follow."""
    tensor = TensorProto()
    refer("a")(tensor)
    graph = within(5, tensor.SerializeToString())
    for _ in range(depth):
        graph = within(1, within(5, within(6, graph)))
    return within(7, graph)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (merged_tensor(), "twice"),
        (nested(60), "nested too deeply"),
        (b"", "expected one graph, got 0"),
        (b"\x3a\x00" * 2, "expected one graph, got 2"),
        (b"\x3a\x7f", "cut off"),
        (b"\x3b", "unknown wire type"),
        (b"\xff" * 11, "a number without end"),
    ],
)
def test_bytes_that_only_some_reader_could_follow_are_refused(raw: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_onnx(raw)


def test_a_changed_graph_is_refused_in_one_line_or_is_of_a_bundle_that_opens(bundle: Path) -> None:
    raw, rng = (bundle / GRAPH).read_bytes(), seeded(2)

    for _ in range(40):
        replace_file(bundle, GRAPH, change_protobuf(raw, rng))
        try:
            assert isinstance(read_bundle(bundle, verification="sizes"), Bundle)
        except AccelError as error:
            assert GRAPH in one_line(error)  # noqa: PT017
