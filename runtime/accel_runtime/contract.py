"""What the graphs of a bundle must take and give for the loop to run them, held against the manifest alone.

`accel_runtime.graph_files` then holds the graphs against the manifest.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from accel_runtime.dims import own_sizes, resolve, show
from accel_runtime.errors import BundleError
from accel_runtime.manifest import DType, GraphSpec, Manifest, TensorSpec, feature_name

_NO_ARRAY: Final = "bfloat16"


def check_contract(manifest: Manifest) -> None:
    """Hold what the manifest says of its graphs against what the loop will bind.

    Raises:
        BundleError: A graph lacks a tensor, has one too many, or of another type or rank; names graph and tensor.
    """
    sizes = own_sizes(manifest)
    for name, graph in manifest.graphs.items():
        try:
            _check_tensors(graph, sizes)
            _check_component(name, graph, manifest)
        except (BundleError, ValueError) as error:
            raise BundleError(f"graphs.{name}: {error}: export the bundle again") from error


def _check_tensors(graph: GraphSpec, sizes: Mapping[str, int]) -> None:
    """Whatever the graph is: names that tell tensors apart, types that the host has, dimensions that have a size."""
    for tensors in (graph.inputs, graph.outputs):
        names = [tensor.name for tensor in tensors]
        if len({*names}) != len(names):
            raise ValueError(f"two tensors of one name among {', '.join(names)}")
        for tensor in tensors:
            if tensor.dtype == _NO_ARRAY:
                raise ValueError(f"{tensor.name} is {_NO_ARRAY}, which no array of the host is")
            if 0 in resolve(tensor.shape, sizes):
                raise ValueError(f"{tensor.name}: {show(tensor.shape)} is empty at the model's own size")


def _check_component(name: str, graph: GraphSpec, manifest: Manifest) -> None:
    channels, length = manifest.model.latent_channels, manifest.text.max_length
    latents, pixels = _floats(None, channels, None, None), _floats(None, 3, None, None)
    if name == "text_encoder":
        _one_to_one(graph, _Wanted(("int64", "int32"), (None, length)), _floats(None, length, None))
    elif name == "vae_decoder":
        _one_to_one(graph, latents, pixels)
    elif name == "vae_encoder":
        _one_to_one(graph, pixels, _floats(None, 2 * channels, None, None))
    else:
        branch = next((k for k in manifest.branches if name == f"unet_shallow_{k}"), None)
        _check_unet(graph, manifest, latents=latents, branch=branch)


def _one_to_one(graph: GraphSpec, given: "_Wanted", made: "_Wanted") -> None:
    """A graph that is run on one tensor, and of which the first output is taken."""
    if len(graph.inputs) != 1:
        raise ValueError(f"expected one input, got {', '.join(tensor.name for tensor in graph.inputs)}")
    given.check(graph.inputs[0])
    made.check(graph.outputs[0])


def _check_unet(graph: GraphSpec, manifest: Manifest, *, latents: "_Wanted", branch: int | None) -> None:
    """The deep pass, whose ``branch`` is None, or a shallow one, which takes in the feature of its branch."""
    text = manifest.graphs.text_encoder.outputs[0].shape
    known = {
        "sample": latents,
        "encoder_hidden_states": _floats(None, *(dim if isinstance(dim, int) else None for dim in text[1:])),
        "timestep": _floats(1),
    }
    needed = ("sample", "encoder_hidden_states") if branch is None else (feature_name(branch),)
    for tensor in (graph.input(name) for name in needed):
        if branch is not None and tensor != (made := manifest.graphs.unet_deep.output(tensor.name)):
            raise ValueError(f"takes {_describe(tensor)}, but the deep pass makes {_describe(made)}")
    for tensor in graph.inputs:
        if tensor.name in known:
            known[tensor.name].check(tensor)
        elif tensor.name not in needed:
            raise ValueError(f"takes {tensor.name}, expected only {', '.join(dict.fromkeys((*known, *needed)))}")
    latents.check(graph.output("out_sample"))
    if branch is not None:
        _Wanted((manifest.features,), (None,) * 4).check(graph.input(feature_name(branch)))


class _Wanted(NamedTuple):
    """Types of which one is right, and a shape with what the model is free to choose as None."""

    dtypes: tuple[DType, ...]
    shape: tuple[int | None, ...]

    def check(self, tensor: TensorSpec) -> None:
        pairs = zip(self.shape, tensor.shape, strict=False)
        fits = all(wanted in (None, dim) for wanted, dim in pairs)
        if tensor.dtype not in self.dtypes or len(tensor.shape) != len(self.shape) or not fits:
            shape = show(["?" if dim is None else dim for dim in self.shape])
            raise ValueError(f"expected {' or '.join(self.dtypes)} {shape}, got {_describe(tensor)}")


def _floats(*shape: int | None) -> _Wanted:
    return _Wanted(("float32",), shape)


def _describe(tensor: TensorSpec) -> str:
    return f"{tensor.name} {tensor.dtype} {show(tensor.shape)}"
