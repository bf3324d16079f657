"""A bundle's graphs held against its manifest: which files they read, and what they take and give.

Nothing is loaded for it. A graph that names a file which the manifest does not list, or which contradicts the manifest,
is found when the bundle is opened, whatever is going to run it.
"""

import posixpath
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from accel_runtime.backends.inductor_package import read_metadata
from accel_runtime.bundle.dims import show
from accel_runtime.bundle.loop_contract import LOOP_VERSION, loop_tensors
from accel_runtime.bundle.onnx_file import ExternalData, OnnxFile, Port, parse_onnx
from accel_runtime.errors import BundleError
from accel_runtime.manifest import InductorSpec, Manifest, TensorSpec

ONNX_SUFFIX: Final = ".onnx"

Contract = tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]
ReadFile = Callable[[str], bytes]


def check_graphs(manifest: Manifest, folder: Path, *, read: ReadFile) -> dict[str, tuple[str, ...]]:
    """Look into every graph and package that the manifest lists.

    Args:
        manifest: Says what they should be.
        folder: The bundle's.
        read: Gives the bytes of a file of the bundle.

    Returns:
        Graph → the other files that it reads, by their paths in the bundle.

    Raises:
        BundleError: A graph is none, reads what it may not, or is not what the manifest says; names the file.
        BackendError: The same of an AOTInductor package that cannot be read.
    """
    contracts = _contracts(manifest)
    reads: dict[str, tuple[str, ...]] = {}
    for path in (path for path in manifest.files if path.endswith(ONNX_SUFFIX)):
        try:
            graph = parse_onnx(read(path))
            reads[path] = tuple(sorted({_listed(path, each, manifest) for each in graph.external}))
            for contract in contracts.get(path, ()):
                _check_contract(graph, contract)
        except ValueError as error:
            raise BundleError(f"{folder / path}: {error}: export the bundle again") from error
    return reads | (_check_packages(manifest, manifest.inductor, folder) if manifest.inductor else {})


def _contracts(manifest: Manifest) -> Mapping[str, list[Contract]]:
    """File → what the manifest says of the graph in it, once for each place that names it."""
    named: dict[str, list[Contract]] = {}

    def add(file: str, contract: Contract) -> None:
        named.setdefault(file, []).append(contract)

    for name, spec in manifest.graphs.items():
        add(spec.file, (spec.inputs, spec.outputs))
        for graphs in manifest.forms.values():
            add(graphs[name].file, (spec.inputs, spec.outputs))
    if manifest.loop is not None and manifest.loop.version == LOOP_VERSION:
        for name, file in manifest.loop.items():
            tensors = loop_tensors(name, features=manifest.features)
            add(file, (tensors.inputs, tensors.outputs))
    return named


def _listed(graph: str, external: ExternalData, manifest: Manifest) -> str:
    """The path in the bundle of what a graph refers to.

    Raises:
        ValueError: It is not listed, or not that long.
    """
    # A path that climbs, or is absolute, cannot be among the manifest's, which are plain.
    path = posixpath.join(posixpath.dirname(graph), external.location)
    spec = manifest.files.get(path) if external.location else None
    if spec is None:
        raise ValueError(f"reads {external.location!r}, which the manifest does not list")
    if external.length is None:
        raise ValueError(f"does not say how many bytes it reads of {path}")
    end = external.offset + external.length
    if end > spec.size:
        raise ValueError(f"reads {path} up to byte {end}, but it has {spec.size}")
    return path


def _check_contract(graph: OnnxFile, contract: Contract) -> None:
    for kind, ports, specs in (("input", graph.inputs, contract[0]), ("output", graph.outputs, contract[1])):
        expected = {spec.name: f"{spec.dtype} {show(spec.shape)}" for spec in specs}
        actual = {port.name: _describe(port) for port in ports}
        if len(actual) != len(ports) or actual.keys() != expected.keys():
            raise ValueError(f"expected the {kind}s {', '.join(expected)}, got {', '.join(actual) or 'none'}")
        for name, said in expected.items():
            if actual[name] != said:
                raise ValueError(f"{kind} {name}: the manifest says {said}, the graph {actual[name]}")


def _describe(port: Port) -> str:
    shape = "without a shape" if port.shape is None else show(["?" if dim is None else dim for dim in port.shape])
    return f"{port.dtype} {shape}"


def _check_packages(manifest: Manifest, inductor: InductorSpec, folder: Path) -> dict[str, tuple[str, ...]]:
    """Every package's weights are those that the manifest names, and its tensors are those of the graph."""
    for name, package in inductor.graphs.items():
        metadata, spec = read_metadata(folder / package.file), manifest.graphs[name]
        said = {
            "weights": (posixpath.join(posixpath.dirname(package.file), metadata.weights), package.weights),
            "inputs": (_sorted(metadata.inputs), _sorted(tensor.name for tensor in spec.inputs)),
            "outputs": (_sorted(metadata.outputs), _sorted(tensor.name for tensor in spec.outputs)),
        }
        for key, (actual, expected) in said.items():
            if actual != expected:
                raise BundleError(
                    f"{folder / package.file}: {key}: the manifest says {expected}, the package {actual}: "
                    "export the bundle again"
                )
    return {package.file: (package.weights,) for package in inductor.graphs.values()}


def _sorted(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
