"""What a record keeps of a bundle."""

from math import prod
from typing import Final

from accel_bench.records.parts import BundleFacts, GraphFacts
from accel_runtime.bundle import Bundle
from accel_runtime.dims import resolve
from accel_runtime.manifest import GraphSpec, Manifest

_BYTES: Final = {"float32": 4, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4}


def bundle_facts(bundle: Bundle) -> BundleFacts:
    """The facts of an opened bundle."""
    manifest = bundle.manifest
    return BundleFacts(
        digest=bundle.digest,
        source=manifest.provenance.source,
        weights=manifest.provenance.weights,
        sample_size=manifest.state.sample_size,
        graphs={name: _graph_facts(name, manifest.graphs[name], manifest) for name in manifest.roles},
    )


def graph_names(manifest: Manifest) -> dict[str, str]:
    """By file in the bundle, what its graph is called in spans."""
    names = {graph.file: name for name, graph in manifest.graphs.items()}
    for graphs in manifest.forms.values():
        names |= {graph.file: name for name, graph in graphs.items()}
    names |= {file: name for name, file in (manifest.loop.items() if manifest.loop else ())}
    if manifest.inductor is not None:
        names |= {package.file: name for name, package in manifest.inductor.graphs.items()}
    return names


def _graph_facts(name: str, graph: GraphSpec, manifest: Manifest) -> GraphFacts:
    height, width = manifest.state.sample_size
    scale = manifest.state.scale
    sizes = {"height": height, "width": width, "latent_height": height // scale, "latent_width": width // scale}
    # Encoder and decoder always compute in float32.
    dtype = "float32" if manifest.roles[name].part in ("decoder", "encoder") else manifest.dtype
    return GraphFacts(
        flops=graph.flops,
        weight_bytes=graph.parameters * _BYTES[dtype],
        tensor_bytes=sum(
            prod(resolve(tensor.shape, {"batch": 1, **sizes})) * _BYTES[tensor.dtype]
            for tensor in (*graph.inputs, *graph.outputs)
        ),
        dtype=dtype,
    )
