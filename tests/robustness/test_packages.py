"""AOTInductor packages: what they say of themselves is read within bounds, and is what the manifest says."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.fuzz.containers import change_zip
from tests.robustness.copies import copy_bundle, edit_manifest, one_line, replace_file, seeded, write

from accel_runtime.backends.inductor_package import METADATA_KEY, Constant, PackageMetadata, read_metadata
from accel_runtime.bundle.bundle import read_bundle
from accel_runtime.errors import AccelError, BackendError
from accel_runtime.manifest import GraphSpec

ENTRY = PackageMetadata(
    device="cpu",
    torch="2.13.0",
    instructions="AVX2",
    weights="all.safetensors",
    inputs=("sample",),
    outputs=("out",),
    constants={"w": Constant(dtype="float32", shape=(2, 3))},
)


def package(entry: PackageMetadata = ENTRY, *, metadata: Any = None, compression: int = zipfile.ZIP_STORED) -> bytes:
    """A package without code."""
    said = {METADATA_KEY: msgspec.json.encode(entry).decode()} if metadata is None else metadata
    raw = said if isinstance(said, bytes) else msgspec.json.encode(said)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("model/data/aotinductor/model.cpp", "code")
        archive.writestr("model/data/aotinductor/x_metadata.json", raw)
    return file.getvalue()


def test_a_package_says_its_terms(tmp_path: Path) -> None:
    (tmp_path / "x.pt2").write_bytes(package())

    assert read_metadata(tmp_path / "x.pt2") == ENTRY


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_changed_package_is_refused_in_one_line_or_says_terms(tmp_path: Path, compression: int) -> None:
    raw, rng, path = package(compression=compression), seeded(0), tmp_path / "x.pt2"

    for _ in range(300):
        write(path, change_zip(raw, rng))
        try:
            assert isinstance(read_metadata(path), PackageMetadata)
        except BackendError as error:
            assert str(path) in one_line(error)  # noqa: PT017


def broken_deflate() -> bytes:
    raw = bytearray(package(compression=zipfile.ZIP_DEFLATED))
    at = raw.index(b"x_metadata.json") + len("x_metadata.json")
    raw[at : at + 8] = b"\xff" * 8
    return bytes(raw)


def encrypted() -> bytes:
    raw = bytearray(package())
    for at in (raw.index(b"PK\x03\x04", 1) + 6, raw.rindex(b"PK\x01\x02") + 8):
        raw[at] |= 1
    return bytes(raw)


def sound_metadata() -> bytes:
    return msgspec.json.encode({METADATA_KEY: msgspec.json.encode(ENTRY).decode()})


REFUSED: dict[str, Callable[[], bytes]] = {
    "broken deflate": broken_deflate,
    "a password": encrypted,
    "metadata that is a list": lambda: package(metadata=[1]),
    "an entry that is no text": lambda: package(metadata={METADATA_KEY: {"device": "cpu"}}),
    "an entry of another type": lambda: package(metadata={METADATA_KEY: "[]"}),
    "no entry of accel": lambda: package(metadata={"other": 1}),
    "an entry nested too deeply": lambda: package(metadata={METADATA_KEY: "[" * 100_000}),
    "metadata nested too deeply": lambda: package(metadata=b'{"a":' + b"[" * 100_000),
    "metadata without end": lambda: package(metadata=sound_metadata() + b" " * 2**25, compression=zipfile.ZIP_DEFLATED),
    "weights elsewhere": lambda: package(msgspec.structs.replace(ENTRY, weights="../../all.safetensors")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_package_of_ours_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.pt2"
    path.write_bytes(REFUSED[name]())

    with pytest.raises(BackendError, match=r"x\.pt2: ") as caught:
        read_metadata(path)
    one_line(caught.value)


def entry_of(graph: GraphSpec) -> PackageMetadata:
    names = {
        "inputs": tuple(tensor.name for tensor in graph.inputs),
        "outputs": tuple(tensor.name for tensor in graph.outputs),
    }
    return msgspec.structs.replace(ENTRY, **names)


@pytest.fixture
def bundle(bundle_folder: Path, tmp_path: Path) -> Path:
    """The shared bundle with a package for each graph, none of which has any code."""
    folder = copy_bundle(bundle_folder, tmp_path / "bundle")
    graphs = read_bundle(folder, verification="sizes").manifest.graphs
    (folder / "inductor").mkdir()
    replace_file(folder, "inductor/all.safetensors", b"x")
    for name, graph in graphs.items():
        replace_file(folder, f"inductor/{name}.pt2", package(entry_of(graph)))
    packages = {
        name: {"file": f"inductor/{name}.pt2", "weights": "inductor/all.safetensors", "relative_error": 0.0}
        for name in graphs
    }
    edit_manifest(folder, lambda d: d.update(inductor={"device": "cpu", "torch": "2.13.0", "graphs": packages}))
    return folder


def test_a_package_reads_the_weights_that_the_manifest_names(bundle: Path) -> None:
    assert read_bundle(bundle, verification="sizes").reads["inductor/unet_deep.pt2"] == ("inductor/all.safetensors",)


@pytest.mark.parametrize(
    ("key", "value"), [("weights", "other.safetensors"), ("inputs", ("x",)), ("outputs", ("sample", "x"))]
)
def test_a_package_that_contradicts_the_manifest_is_refused(bundle: Path, key: str, value: Any) -> None:
    graph = read_bundle(bundle, verification="sizes").manifest.graphs["vae_decoder"]
    entry = msgspec.structs.replace(entry_of(graph), **{key: value})
    replace_file(bundle, "inductor/vae_decoder.pt2", package(entry))

    with pytest.raises(AccelError, match=f"vae_decoder.pt2: {key}: the manifest says") as caught:
        read_bundle(bundle)
    one_line(caught.value)
