"""What the graphs of a bundle must take and give for the loop to run them, held against the manifest alone.

`accel_runtime.bundle.graph_files` then holds the graphs against the manifest.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from accel_runtime.bundle.dims import TIMESTEPS, own_sizes, resolve, show
from accel_runtime.errors import BundleError
from accel_runtime.manifest import (
    Codec,
    DType,
    FromControl,
    FromControlScales,
    FromGuidance,
    FromLabels,
    FromMask,
    FromMaskedImage,
    FromSizes,
    FromText,
    GraphSpec,
    Input,
    Manifest,
    Role,
    TensorSpec,
    TextOutput,
)

COLOURS: Final = 3
# Numbers of SDXL's time ids by what they end with; see `FromSizes`.
TIME_IDS: Final[Mapping[str, int]] = {"target_size": 6, "aesthetic_score": 5}
_NO_ARRAY: Final = "bfloat16"


def check_contract(manifest: Manifest) -> None:
    """Hold what the manifest says of its graphs against what the loop will bind.

    Raises:
        BundleError: A graph lacks a tensor, has one too many, or of another type or rank; names graph and tensor.
    """
    sizes = own_sizes(manifest)
    for name, role in manifest.roles.items():
        try:
            _check_tensors(manifest.graphs[name], sizes)
            _check_role(manifest, name, role)
        except (BundleError, ValueError) as error:
            raise BundleError(f"graphs.{name}: {error}: export the bundle again") from error


def _check_tensors(graph: GraphSpec, sizes: Mapping[str, int]) -> None:
    """Hold for every graph: names that tell tensors apart, types that the host has, dimensions that have a size."""
    for tensors in (graph.inputs, graph.outputs):
        names = [tensor.name for tensor in tensors]
        if len({*names}) != len(names):
            raise ValueError(f"two tensors of one name among {', '.join(names)}")
        for tensor in tensors:
            if tensor.dtype == _NO_ARRAY:
                raise ValueError(f"{tensor.name} is {_NO_ARRAY}, which no array of the host is")
            if 0 in resolve(tensor.shape, sizes):
                raise ValueError(f"{tensor.name}: {show(tensor.shape)} is empty at the model's own size")


def _check_role(manifest: Manifest, name: str, role: Role) -> None:
    graph, state, pixels = manifest.graphs[name], _state(manifest), _floats(None, COLOURS, None, None)
    if role.part == "text":
        _check_text(manifest, name)
    elif role.part == "control":
        _one_input(graph, pixels)
        _floats(None, None, None, None).check(graph.outputs[0])
    elif role.part == "decoder":
        _one_input(graph, state)
        pixels.check(graph.outputs[0])
    elif role.part == "encoder":
        _one_input(graph, pixels)
        _encoded(manifest, manifest.encoder).check(graph.outputs[0])
    else:
        _check_denoiser(manifest, graph, role)


def _check_text(manifest: Manifest, name: str) -> None:
    """A text encoder takes ids and gives the outputs that the denoiser's inputs are made of."""
    graph, length = manifest.graphs[name], manifest.texts[name].max_length
    _one_input(graph, _Wanted(("int64", "int32"), (None, length)))
    for output in manifest.text_outputs[name]:
        tensor = graph.output(output)
        _floats(*((None, length, None) if len(tensor.shape) == 3 else (None, None))).check(tensor)


def _one_input(graph: GraphSpec, wanted: "_Wanted") -> None:
    if len(graph.inputs) != 1:
        raise ValueError(f"expected one input, got {', '.join(tensor.name for tensor in graph.inputs)}")
    wanted.check(graph.inputs[0])


def _check_denoiser(manifest: Manifest, graph: GraphSpec, role: Role) -> None:
    """The deep pass, or a shallow one, which takes in the feature of its branch; gated ones may lack inputs."""
    denoiser = manifest.denoiser
    known = {
        denoiser.sample: _state(manifest),
        denoiser.timestep: _floats(_timesteps(graph, denoiser.timestep)),
        **{each.name: _conditioned(manifest, each) for each in denoiser.inputs},
    }
    needed = [denoiser.sample, *(each.name for each in denoiser.inputs)]
    if role.gate == "gated" and denoiser.tgate:
        needed = [denoiser.sample]
        known |= dict.fromkeys(denoiser.tgate.kept, _Wanted((manifest.features,), (None,) * 4))
    if role.branch is not None:
        needed = [denoiser.shallow[role.branch].feature]
        _check_feature(manifest, graph, needed[0])
    for tensor in (*map(graph.input, needed), *graph.inputs):
        if tensor.name in known:
            known[tensor.name].check(tensor)
        elif tensor.name not in needed:
            raise ValueError(f"takes {tensor.name}, expected only {', '.join(dict.fromkeys((*known, *needed)))}")
    _state(manifest).check(graph.output(denoiser.noise))


def _timesteps(graph: GraphSpec, name: str) -> int | None:
    """One timestep for all rows, or as many as the caller likes."""
    shapes = [tensor.shape for tensor in graph.inputs if tensor.name == name]
    return None if shapes == [(TIMESTEPS,)] else 1


def _check_feature(manifest: Manifest, graph: GraphSpec, feature: str) -> None:
    taken, made = graph.input(feature), manifest.deep.output(feature)
    if taken != made:
        raise ValueError(f"takes {_describe(taken)}, but the deep pass makes {_describe(made)}")
    _Wanted((manifest.features,), (None,) * 4).check(taken)


def _conditioned(manifest: Manifest, given: Input) -> "_Wanted":
    """What an input must look like to take what its source gives."""
    source = given.source
    if isinstance(source, FromText):
        return _text_wanted(manifest, given.name, source)
    if isinstance(source, FromControl):
        channels = manifest.graphs[source.graph].outputs[0].shape[1]
        return _floats(None, channels if isinstance(channels, int) else None, None, None)
    if isinstance(source, FromSizes):
        return _floats(None, TIME_IDS[source.ends])
    shapes: Mapping[type, tuple[int | None, ...]] = {
        FromGuidance: (None, None),
        FromLabels: (None,),
        FromMask: (None, 1, None, None),
        FromMaskedImage: (None, manifest.state.channels, None, None),
        FromControlScales: (len(manifest.controls),),
    }
    return _floats(*shapes[type(source)])


def _text_wanted(manifest: Manifest, name: str, source: FromText) -> "_Wanted":
    """Encoders' outputs, joined on the last axis."""
    shapes = _output_shapes(manifest, source.outputs)
    if source.negative_outputs and _output_shapes(manifest, source.negative_outputs) != shapes:
        raise ValueError(f"{name}: expected outputs of the negative half in the shapes of the other's")
    if len({shape[1:-1] for shape in shapes}) != 1:
        raise ValueError(f"{name}: expected outputs that differ in the last axis only, got {_listed(shapes)}")
    widths = [shape[-1] for shape in shapes]
    width = sum(each for each in widths if isinstance(each, int)) if all(isinstance(w, int) for w in widths) else None
    inner = (dim if isinstance(dim, int) else None for dim in shapes[0][1:-1])
    return _floats(None, *inner, width)


def _output_shapes(manifest: Manifest, outputs: Sequence[TextOutput]) -> list[tuple[int | str, ...]]:
    return [manifest.graphs[each.encoder].output(each.tensor).shape for each in outputs]


def _state(manifest: Manifest) -> "_Wanted":
    return _floats(None, manifest.state.channels, None, None)


def _encoded(manifest: Manifest, codec: Codec | None) -> "_Wanted":
    parts = 2 if codec is not None and codec.gives == "moments" else 1
    return _floats(None, parts * manifest.state.channels, None, None)


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


def _listed(shapes: Sequence[Sequence[int | str]]) -> str:
    return " and ".join(map(show, shapes))
