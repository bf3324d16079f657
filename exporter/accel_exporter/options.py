"""What a user may choose about an export."""

from collections.abc import Sequence
from dataclasses import dataclass

from accel_runtime.errors import InputError
from accel_runtime.forms import parse_form
from accel_runtime.manifest import Device, DType, Form

FORMATS = ("onnx", "inductor")

MIN_OPSET, MAX_OPSET = 18, 23

# What the native form is written in: the first operator set with Attention.
NATIVE_OPSET = 23
# Later ones have operators of their own for what is fused.
_MAX_FUSED_OPSET = 20


@dataclass(frozen=True, slots=True)
class StaticSize:
    """Graphs fixed to one size: images at a time, and pixels; None takes the model's own."""

    batch: int = 1
    height: int | None = None
    width: int | None = None


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How to export.

    Attributes:
        branches: Which cuts get a shallow graph; None for every one the UNet has.
        opset: ONNX operator set, 18 to 23; 18 is what every provider can run.
        static: Fix batch, height and width; None leaves them open.
        schedulers: Short names of the schedulers to compile; None for all that this pipeline's config
            lets be tables.
        max_steps: Tables are compiled for 1 to this many steps.
        tolerance: Largest relative difference between a graph and torch; None for what the precision allows.
        dtype: What UNet and text encoder compute in; the VAE always computes in float32.
        forms: Which forms of the ONNX graphs to write; `plain` is written in any case.
        with_inductor: Add AOTInductor packages; ONNX graphs are written in any case.
        device: What packages are compiled for.
    """

    branches: tuple[int, ...] | None = (0, 1)
    opset: int = 18
    static: StaticSize | None = None
    schedulers: tuple[str, ...] | None = None
    max_steps: int = 100
    tolerance: float | None = None
    dtype: DType = "float32"
    forms: frozenset[Form] = frozenset({"plain"})
    with_inductor: bool = False
    device: Device = "cpu"

    def __post_init__(self) -> None:
        if not MIN_OPSET <= self.opset <= MAX_OPSET:
            raise InputError(f"opset: expected {MIN_OPSET} to {MAX_OPSET}, got {self.opset}")
        if "fused" in self.forms and self.opset > _MAX_FUSED_OPSET:
            raise InputError(f"form fused: made of opset 18 to {_MAX_FUSED_OPSET}, got {self.opset}: leave --opset out")
        if self.max_steps < 1:
            raise InputError(f"max steps: expected 1 or more, got {self.max_steps}")
        if self.static and self.static.batch < 1:
            raise InputError(f"batch: expected 1 or more, got {self.static.batch}")

    def allowed_error(self, dtype: DType) -> float:
        """Largest relative difference to torch of a component that computes in ``dtype``."""
        if self.tolerance is not None:
            return self.tolerance
        return 1e-4 if dtype == "float32" else 2e-2


def parse_dtype(text: str) -> DType:
    """The precision of a short name.

    >>> parse_dtype("fp16")
    'float16'
    """
    if text == "bf16":
        raise InputError(
            "dtype bf16: ONNX Runtime cannot run such graphs on the CPU, so they could not be checked: take fp16 for a "
            "GPU; OpenVINO computes fp32 bundles in bfloat16 by itself where the processor has it"
        )
    names: dict[str, DType] = {"fp32": "float32", "fp16": "float16"}
    if text not in names:
        raise InputError(f"dtype {text!r}: expected {' or '.join(names)}")
    return names[text]


def parse_branches(text: str) -> tuple[int, ...] | None:
    """Branch numbers from ``0,1``; None for ``all``.

    >>> parse_branches("2,0,2")
    (0, 2)
    """
    if text == "all":
        return None
    try:
        return tuple(sorted({_natural(part) for part in text.split(",")}))
    except ValueError:
        raise InputError(f"branches {text!r}: expected numbers such as 0,1 or the word all") from None


def parse_formats(texts: Sequence[str]) -> frozenset[str]:
    """Formats from what was given, each a word or several with commas; ``onnx`` is always there.

    >>> sorted(parse_formats(["inductor"]))
    ['inductor', 'onnx']
    """
    formats = {part.strip() for text in texts for part in text.split(",")}
    if unknown := formats - set(FORMATS):
        raise InputError(f"format {min(unknown)!r}: expected one of {', '.join(FORMATS)}")
    return frozenset(formats | {"onnx"})


def parse_forms(texts: Sequence[str]) -> frozenset[Form]:
    """Forms from what was given, each a word or several with commas; ``plain`` is always there.

    >>> sorted(parse_forms(["native,fused"]))
    ['fused', 'native', 'plain']
    """
    return frozenset({parse_form(part.strip()) for text in texts for part in text.split(",")} | {"plain"})


def choose_branches(asked: Sequence[int] | None, count: int) -> tuple[int, ...]:
    """The branches to export of a UNet that has ``count``.

    Raises:
        InputError: The UNet is not so deep.
    """
    if asked is None:
        return tuple(range(count))
    if beyond := [k for k in asked if k >= count]:
        raise InputError(f"branch {beyond[0]}: this UNet has branches 0 to {count - 1}")
    return tuple(asked)


def _natural(text: str) -> int:
    if not text.strip().isdecimal():
        raise ValueError(text)
    return int(text)
