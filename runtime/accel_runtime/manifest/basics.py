"""What every part of the manifest is made of: bounded numbers, tensors and graphs."""

import re
from typing import Annotated, Final, Literal

import msgspec

from accel_runtime.errors import BundleError

# A dimension that is not a number: a symbol, a multiple of it, or a fraction.
DIMENSION: Final = re.compile(
    r"(?:(?P<times>[1-9][0-9]{0,5})\*)?(?P<symbol>[a-z_]{1,40})(?:/(?P<over>[1-9][0-9]{0,5}))?"
)
# Words that `--plan` and plan files read as rules, so that no plan of a bundle may be called so.
PLAN_RULES: Final = ("full", "every", "calls", "rule")
PLAN_NAME_EXPECTED: Final = (
    "a name of up to 40 lower-case letters, digits and -, that begins with a letter and is not "
    f"{', '.join(PLAN_RULES[:-1])} or {PLAN_RULES[-1]}"
)
_PLAN_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
# Pixels. No picture format that people use has longer sides, and no arithmetic with them overflows.
LONGEST_SIDE: Final = 2**14

Device = Literal["cpu", "cuda"]
ExtraForm = Literal["fused", "attention", "native"]
Form = Literal["plain", ExtraForm]
Precision = Literal["float32", "float16", "bfloat16"]
# Of pixels, bfloat16 would drop what is seen.
CodecPrecision = Literal["float32", "float16"]
DType = Literal[Precision, "int64", "int32"]
# The ranges of a manifest's numbers: far more than any model has, and small enough to calculate with.
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Amount = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Extent = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Few = Annotated[int, msgspec.Meta(ge=1, le=2**16)]
Side = Annotated[int, msgspec.Meta(ge=1, le=LONGEST_SIDE)]
TokenId = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Error = Annotated[float, msgspec.Meta(ge=0)]
# What was measured: no bound but that one can calculate with it.
Figure = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
# The share of its tokens that a self-attention merges. One in four of them is what others are merged into.
MOST_MERGED: Final = 0.75
Ratio = Annotated[float, msgspec.Meta(gt=0, le=MOST_MERGED)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The base of every part of the manifest."""


class TensorSpec(Strict, frozen=True):
    """An input or output of a graph; a dimension is a number or a symbol."""

    name: str
    dtype: DType
    shape: Annotated[tuple[Extent | str, ...], msgspec.Meta(max_length=8)]

    def __post_init__(self) -> None:
        for dimension in self.shape:
            if isinstance(dimension, str) and not DIMENSION.fullmatch(dimension):
                raise ValueError(
                    f"{dimension[:60]!r} is no dimension: expected a number or a term such as 4*latent_height"
                )


class GraphSpec(Strict, frozen=True):
    """One ONNX graph, its contract and what it costs.

    Attributes:
        file: Path in the bundle.
        parameters: Elements of all initializers that count as weights.
        flops: 2 × multiply-accumulates of one call at batch 1 and the model's own size.
        relative_error: Largest difference to torch at export, over the largest output.
    """

    file: str
    inputs: Annotated[tuple[TensorSpec, ...], msgspec.Meta(min_length=1, max_length=64)]
    outputs: Annotated[tuple[TensorSpec, ...], msgspec.Meta(min_length=1, max_length=64)]
    parameters: Amount
    flops: Amount
    relative_error: Error

    def input(self, name: str) -> TensorSpec:
        """The input called ``name``.

        Raises:
            BundleError: There is none.
        """
        return _named(self.inputs, name)

    def output(self, name: str) -> TensorSpec:
        """The output called ``name``.

        Raises:
            BundleError: There is none.
        """
        return _named(self.outputs, name)


def is_plan_name(text: str) -> bool:
    """Whether a plan of a bundle may be called so.

    >>> is_plan_name("fast-10"), is_plan_name("Fast"), is_plan_name("full")
    (True, False, False)
    """
    return _PLAN_NAME.fullmatch(text) is not None and text not in PLAN_RULES


def _named(tensors: tuple[TensorSpec, ...], name: str) -> TensorSpec:
    for tensor in tensors:
        if tensor.name == name:
            return tensor
    raise BundleError(f"graph has no tensor {name!r}, only {', '.join(t.name for t in tensors)}")
