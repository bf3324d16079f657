"""What the graphs of the loop on the device take and give: the exporter builds them from this, the loop binds by it.

See docs/design/0008-device-loop.md. Numbers of calls are int32 and pixels are packed, since some GPUs compute
neither with 64-bit integers nor with bytes.

Version history:
    1  int64 numbers of calls, bytes as pixels
    2  int32 numbers of calls, pixels packed into float32
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from accel_runtime.errors import BundleError
from accel_runtime.manifest import DType, TensorSpec

LOOP_VERSION: Final = 2

Kind = Literal["guided", "unguided", "plain"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
FORECASTS: Final = (2, 3)  # numbers of features that are summed

_LATENT: Final = ("channels", "height", "width")


@dataclass(frozen=True, slots=True)
class LoopTensors:
    """The tensors of one graph."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


def loop_tensors(name: str, *, features: DType) -> LoopTensors:
    """The tensors of a graph by its name in the manifest.

    Args:
        name: `advance_guided`, `forecast_2`, `pixels` …
        features: Precision of the UNet's features.

    Raises:
        BundleError: The loop has no such graph.
    """
    known = {
        **{f"advance_{kind}": _advance(kind) for kind in KINDS},
        **{f"forecast_{terms}": _forecast(terms, features) for terms in FORECASTS},
        "pixels": _pixels(),
    }
    if name not in known:
        raise BundleError(f"the loop has no graph {name!r}: expected one of {', '.join(known)}")
    return known[name]


def _advance(kind: Kind) -> LoopTensors:
    """After a call: guidance, the schedule's step, and the UNet's next input, for `calls` calls."""
    noise_rows = "guided_images" if kind == "guided" else "images"
    sample_rows = "images" if kind == "plain" else "guided_images"
    state = ("history", "images", *_LATENT)  # x_k, x_{k-1} …, e_{k-1} …
    of_guidance = (_tensor("guidance", "float32", ("calls",)), _tensor("rescale", "float32", (1,)))
    return LoopTensors(
        inputs=(
            _tensor("noise", "float32", (noise_rows, *_LATENT)),
            _tensor("state", "float32", state),
            _tensor("call", "int32", (1,)),
            _tensor("bad", "int32", (1,)),
            _tensor("weights", "float32", ("calls", "history", "terms")),
            *(of_guidance if kind == "guided" else ()),
            _tensor("draw_at", "int32", ("calls",)),
            _tensor("draws", "float32", ("drawn", "images", *_LATENT)),
            _tensor("input_scale", "float32", ("calls_and_one",)),
            _tensor("timesteps", "float32", ("calls_and_one",)),
        ),
        outputs=(
            _tensor("next_state", "float32", state),
            _tensor("next_call", "int32", (1,)),
            _tensor("next_bad", "int32", (1,)),
            _tensor("sample", "float32", (sample_rows, *_LATENT)),
            _tensor("timestep", "float32", (1,)),
        ),
    )


def _forecast(terms: int, features: DType) -> LoopTensors:
    """A weighted sum of the last features; `which` of the weights' rows."""
    shape = ("rows", *_LATENT)
    given = tuple(_tensor(f"feature_{age}", features, shape) for age in range(terms))
    weights = (_tensor("weights", "float32", ("tuples", 3)), _tensor("which", "int32", (1,)))
    return LoopTensors(inputs=(*given, *weights), outputs=(_tensor("feature", features, shape),))


def _pixels() -> LoopTensors:
    """A pixel is red + 256 green + 65536 blue, exact in float32; `finite` is 1 where all of the sample was."""
    return LoopTensors(
        inputs=(_tensor("sample", "float32", ("batch", 3, "height", "width")),),
        outputs=(_tensor("pixels", "float32", ("batch", "height", "width")), _tensor("finite", "float32", (1,))),
    )


def _tensor(name: str, dtype: DType, shape: Sequence[int | str]) -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=tuple(shape))
