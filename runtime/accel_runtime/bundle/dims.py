"""The open dimensions of a graph: from symbols such as ``latent_height/2`` to numbers.

The grammar is small on purpose, so that C++ can read it too: a number, a symbol, ``4*symbol``
or ``symbol/2``, which is rounded up, as a UNet's downsamplers round.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from accel_runtime.errors import BundleError, InputError
from accel_runtime.manifest import DIMENSION, GraphSpec, Manifest

# How many timesteps a call of the denoiser is given: one for all rows, or one for each.
TIMESTEPS: Final = "timesteps"


def resolve(shape: Sequence[int | str], sizes: Mapping[str, int]) -> tuple[int, ...]:
    """Numbers for a shape of the manifest.

    >>> resolve(("batch", 320, "latent_height/2"), {"batch": 2, "latent_height": 64})
    (2, 320, 32)
    >>> resolve(("latent_height/4",), {"latent_height": 9})
    (3,)
    """
    return tuple(dim if isinstance(dim, int) else _evaluate(dim, sizes) for dim in shape)


def own_sizes(manifest: Manifest) -> dict[str, int]:
    """Each symbol of a bundle's graphs for one guided image of the model's own size."""
    height, width = manifest.state.sample_size
    scale = manifest.state.scale
    return {
        "batch": 2,
        "height": height,
        "width": width,
        "latent_height": height // scale,
        "latent_width": width // scale,
        TIMESTEPS: 1,
    }


def loop_sizes(manifest: Manifest, graph: str) -> dict[str, int]:
    """The same for a graph of the loop, with a plan of two calls; see `accel_runtime.bundle.loop_contract`."""
    sizes = own_sizes(manifest)
    if graph == "pixels":
        return {**sizes, "batch": 1}
    of_latents = {"height": sizes["latent_height"], "width": sizes["latent_width"], "rows": 2}
    of_batch = {"images": 1, "guided_images": 2, "channels": manifest.state.channels}
    of_plan = {"history": 1, "terms": 3, "calls": 2, "calls_and_one": 3, "drawn": 1, "tuples": 1}
    return {**of_latents, **of_batch, **of_plan}


def check_input(graph: GraphSpec, name: str, *, shape: Sequence[int]) -> dict[str, int]:
    """Hold a shape against what the graph accepts.

    Returns:
        The number of each symbol that the input's shape names.

    Raises:
        InputError: The graph is fixed to another size.
    """
    spec = graph.input(name)
    if len(shape) != len(spec.shape) or any(_differs(d, s) for d, s in zip(spec.shape, shape, strict=True)):
        raise InputError(
            f"{graph.file}: input {name} takes {show(spec.shape)}, got {list(shape)}: "
            "use the bundle's own size, or export without --static"
        )
    return {dim: size for dim, size in zip(spec.shape, shape, strict=True) if isinstance(dim, str)}


def _differs(dimension: int | str, size: int) -> bool:
    return isinstance(dimension, int) and dimension != size


def show(shape: Sequence[int | str]) -> str:
    """As in a message.

    >>> show(("batch", 4, "latent_height/2"))
    '[batch, 4, latent_height/2]'
    """
    return "[" + ", ".join(str(dimension) for dimension in shape) + "]"


def _evaluate(dimension: str, sizes: Mapping[str, int]) -> int:
    match = DIMENSION.fullmatch(dimension)
    if match is None or match["symbol"] not in sizes:
        raise BundleError(f"dimension {dimension!r} cannot be resolved from {', '.join(sorted(sizes))}")
    return -(-int(match["times"] or 1) * sizes[match["symbol"]] // int(match["over"] or 1))
