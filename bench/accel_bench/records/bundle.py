"""The facts of a bundle that records keep."""

from math import prod
from typing import Final

from accel_bench.records.parts import BundleFacts, GraphFacts
from accel_runtime.bundle.bundle import Bundle
from accel_runtime.bundle.dims import TIMESTEPS, resolve
from accel_runtime.manifest import Manifest, Role

_BYTES: Final = {"float32": 4, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4}


def bundle_facts(bundle: Bundle) -> BundleFacts:
    """The facts of an opened bundle."""
    manifest = bundle.manifest
    return BundleFacts(
        digest=bundle.digest,
        source=manifest.provenance.source,
        weights=manifest.provenance.weights,
        sample_size=manifest.state.sample_size,
        graphs={name: _graph_facts(name, role, manifest) for name, role in manifest.roles.items()},
        model=manifest.provenance.model,
        guidance=manifest.denoiser.guidance,
    )


def graph_names(manifest: Manifest) -> dict[str, str]:
    """The name that spans give a graph, by its file in the bundle."""
    names = {graph.file: name for name, graph in manifest.graphs.items()}
    for graphs in manifest.forms.values():
        names |= {graph.file: name for name, graph in graphs.items()}
    names |= {file: name for name, file in (manifest.loop.items() if manifest.loop else ())}
    if manifest.inductor is not None:
        names |= {package.file: name for name, package in manifest.inductor.graphs.items()}
    return names


def _graph_facts(name: str, role: Role, manifest: Manifest) -> GraphFacts:
    graph = manifest.graphs[name]
    height, width = manifest.state.sample_size
    scale = manifest.state.scale
    of_latents = {"latent_height": height // scale, "latent_width": width // scale}
    sizes = {"height": height, "width": width, **of_latents, TIMESTEPS: 1}
    dtype = manifest.codec_dtype if role.part in ("decoder", "encoder") else manifest.dtype
    return GraphFacts(
        part=role.part,
        branch=role.branch,
        tome=role.tome,
        gate=role.gate,
        flops=graph.flops,
        weight_bytes=graph.parameters * _BYTES[dtype],
        tensor_bytes=sum(
            prod(resolve(tensor.shape, {"batch": 1, **sizes})) * _BYTES[tensor.dtype]
            for tensor in (*graph.inputs, *graph.outputs)
        ),
        dtype=f"int8-{manifest.int8.kind}" if manifest.int8 and role.part in ("deep", "shallow") else dtype,
    )
