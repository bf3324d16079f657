"""Options of an export."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from accel_exporter.int8.options import DEFAULT_LEAST_PSNR, Int8
from accel_runtime.backends.base import Artifact
from accel_runtime.bundle.forms import parse_form
from accel_runtime.errors import InputError
from accel_runtime.manifest import MOST_MERGED, CodecPrecision, Device, Form, Precision
from accel_runtime.request import MOST_STEPS, check_count, check_side

ARTIFACTS: Final[tuple[Artifact, ...]] = get_args(Artifact)

MIN_OPSET, MAX_OPSET = 18, 23

# Operator set of the native form: the first one with Attention.
NATIVE_OPSET = 23
# Later operator sets have their own operators for fused nodes.
_MAX_FUSED_OPSET = 20
# From 21 on quantisation has further types and blocks, which runtimes take up one after the other.
_MAX_INT8_OPSET = 20
# The first operator set for a precision. Conv takes bfloat16 from 22 on. 23's Attention computes scores internally;
# they would otherwise be rounded to eight bits before the softmax.
_LEAST_OPSET: Final[Mapping[Precision, int]] = {"bfloat16": NATIVE_OPSET}

_INT8: Final[Mapping[str, Literal["mixed", "weights"]]] = {"int8-mixed": "mixed", "int8-weights": "weights"}

_SHARE: Final = re.compile(r"0?\.[0-9]{1,2}")

# Largest relative difference to float32 torch.
_TOLERANCES: Final[Mapping[Precision, float]] = {"float32": 1e-4, "float16": 2e-2, "bfloat16": 1e-1}


@dataclass(frozen=True, slots=True)
class StaticSize:
    """Graphs fixed to one size: images at a time, and pixels; None takes the model's own."""

    batch: int = 1
    height: int | None = None
    width: int | None = None

    def __post_init__(self) -> None:
        check_count(self.batch)
        for name, side in (("height", self.height), ("width", self.width)):
            if side is not None:
                check_side(name, side)


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How to export.

    Attributes:
        branches: Branches that get a shallow graph; None for every branch of the UNet.
        opset: ONNX operator set, 18 to 23; None for the smallest that the precision has: 18, which every provider can
            run, or 23 of bfloat16.
        static: Fix batch, height and width; None leaves them open.
        schedulers: Short names of the schedulers to compile; None for all that this pipeline's config
            lets be tables.
        max_steps: Tables are compiled for 1 to this many steps.
        tolerance: Largest relative difference between a graph and torch; None for what the precision allows.
        dtype: Precision that the UNet and the text encoder compute in.
        vae_dtype: Precision that the VAE computes in.
        int8: What of the UNet is in int8; None for nothing.
        forms: Forms of the ONNX graphs to write; `plain` is always written.
        tome: Shares of the tokens that further graphs of the UNet merge in its largest self-attentions.
        tgate: Add graphs of gated calls, which take what cross-attentions gave before.
        with_inductor: Add AOTInductor packages; ONNX graphs are written in any case.
        device: Device that packages are compiled for.
        jobs: 2 lets a second process export the text encoder and the VAE beside the UNet; not with packages.
            It imports the caller's main module, which must not export by being imported.
    """

    branches: tuple[int, ...] | None = (0, 1)
    opset: int | None = None
    static: StaticSize | None = None
    schedulers: tuple[str, ...] | None = None
    max_steps: int = 100
    tolerance: float | None = None
    dtype: Precision = "float32"
    vae_dtype: CodecPrecision = "float32"
    int8: Int8 | None = None
    forms: frozenset[Form] = frozenset({"plain"})
    tome: tuple[float, ...] = ()
    tgate: bool = False
    with_inductor: bool = False
    device: Device = "cpu"
    jobs: int = 1

    def __post_init__(self) -> None:
        if not MIN_OPSET <= self.operator_set <= MAX_OPSET:
            raise InputError(f"opset: expected {MIN_OPSET} to {MAX_OPSET}, got {self.opset}")
        if self.operator_set < (least := _LEAST_OPSET.get(self.dtype, MIN_OPSET)):
            raise InputError(f"opset: {self.dtype} needs {least} or more, got {self.opset}: leave --opset out")
        self._check_forms()
        self._check_tome()
        self._check_tgate()
        self._check_int8()
        if self.jobs not in (1, 2):
            raise InputError(f"jobs: expected 1 or 2, got {self.jobs}")
        if not 1 <= self.max_steps <= MOST_STEPS:
            raise InputError(f"max steps: expected 1 to {MOST_STEPS}, got {self.max_steps}")

    @property
    def operator_set(self) -> int:
        """The ONNX operator set to write."""
        return _LEAST_OPSET.get(self.dtype, MIN_OPSET) if self.opset is None else self.opset

    def _check_forms(self) -> None:
        others = sorted(self.forms - {"plain"})
        if others and self.dtype == "bfloat16":
            # Not every fused operator supports it, and plain graphs are already made of native ones.
            raise InputError(f"form {others[0]}: there are only plain graphs in bfloat16: leave --form out")
        half = next((dtype for dtype in (self.dtype, self.vae_dtype) if dtype != "float32"), None)
        if "attention" in self.forms and half:
            raise InputError(f"form attention: processors run it in float32 alone, got {half}: leave --form out")
        made = sorted(self.forms & {"fused", "attention"})
        if made and self.operator_set > _MAX_FUSED_OPSET:
            raise InputError(
                f"form {made[0]}: made of opset 18 to {_MAX_FUSED_OPSET}, got {self.opset}: leave --opset out"
            )

    def _check_tome(self) -> None:
        if not self.tome:
            return
        if self.dtype == "bfloat16":
            # Eight bits cannot tell which of two tokens a third one is more like.
            raise InputError("tome: expected --dtype fp32 or fp16 beside it, got bf16: leave --tome out")
        if "native" in self.forms:
            raise InputError("tome: native graphs have attention in one operator: leave --form native or --tome out")
        if self.with_inductor:
            raise InputError("tome: only ONNX graphs merge tokens: leave --artifact inductor or --tome out")

    def _check_tgate(self) -> None:
        if not self.tgate:
            return
        if self.dtype == "bfloat16":
            raise InputError("tgate: expected --dtype fp32 or fp16 beside it, got bf16: leave --tgate out")
        if self.with_inductor:
            raise InputError("tgate: only ONNX graphs are gated: leave --artifact inductor or --tgate out")
        if self.static is not None:
            # A fixed graph has the rows of a guided call, and gated calls have half of them.
            raise InputError("tgate: gated calls have other rows than guided ones: leave --static or --tgate out")

    def _check_int8(self) -> None:
        if self.int8 is None:
            return
        if self.dtype != "float32":
            raise InputError(f"int8: made of float32 graphs, got {self.dtype}")
        if other := sorted(self.forms - {"plain"}):
            raise InputError(f"form {other[0]}: there are only plain graphs in int8: leave --form out")
        if self.tome:
            raise InputError("tome: no graph in int8 merges tokens: leave --tome out")
        if self.tgate:
            raise InputError("tgate: no graph in int8 is gated: leave --tgate out")
        if self.with_inductor:
            raise InputError("artifact inductor: there are only ONNX graphs in int8: leave --artifact out")
        if self.operator_set > _MAX_INT8_OPSET:
            raise InputError(
                f"opset: int8 is written in {MIN_OPSET} to {_MAX_INT8_OPSET}, got {self.opset}: leave --opset out"
            )

    def allowed_error(self, dtype: Precision) -> float:
        """Largest relative difference to torch of a component that computes in ``dtype``."""
        return _TOLERANCES[dtype] if self.tolerance is None else self.tolerance


def parse_dtype(text: str) -> Precision:
    """The precision of a short name.

    >>> parse_dtype("fp16")
    'float16'
    """
    names: dict[str, Precision] = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
    if text not in names:
        raise InputError(f"dtype {text!r}: expected one of {', '.join((*names, *_INT8))}")
    return names[text]


def parse_int8(dtype: str, least_psnr: float | None) -> Int8 | None:
    """What is in int8 by a short name of a precision; None where nothing is. All else is float32 then.

    Args:
        dtype: Such as ``int8-mixed``.
        least_psnr: PSNR that pictures must keep, in dB; None for the default.

    >>> parse_int8("int8-weights", None).kind, parse_int8("fp16", None)
    ('weights', None)
    """
    kind = _INT8.get(dtype)
    if least_psnr is not None and kind != "mixed":
        raise InputError(f"int8 loss: it chooses the layers of --dtype int8-mixed, got --dtype {dtype}")
    return kind and Int8(kind, DEFAULT_LEAST_PSNR if least_psnr is None else least_psnr)


def parse_vae_dtype(text: str) -> CodecPrecision:
    """The precision of the VAE of a short name.

    >>> parse_vae_dtype("fp16")
    'float16'
    """
    dtype = parse_dtype(text)
    if dtype == "bfloat16":
        raise InputError("VAE dtype: expected fp32 or fp16, got bf16, whose eight bits would be seen in the pixels")
    return dtype


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


def parse_artifacts(texts: Sequence[str]) -> frozenset[Artifact]:
    """The kinds of files to write, each given as a word or several with commas; ``onnx`` is always among them.

    >>> sorted(parse_artifacts(["inductor"]))
    ['inductor', 'onnx']
    """
    words = {part.strip() for text in texts for part in text.split(",")}
    if unknown := words - set(ARTIFACTS):
        raise InputError(f"artifact {min(unknown)!r}: expected one of {', '.join(ARTIFACTS)}")
    return frozenset(artifact for artifact in ARTIFACTS if artifact == "onnx" or artifact in words)


def parse_forms(texts: Sequence[str]) -> frozenset[Form]:
    """Forms from what was given, each a word or several with commas; ``plain`` is always there.

    >>> sorted(parse_forms(["native,fused"]))
    ['fused', 'native', 'plain']
    """
    return frozenset({parse_form(part.strip()) for text in texts for part in text.split(",")} | {"plain"})


def parse_tome(text: str) -> tuple[float, ...]:
    """Shares of tokens from ``0.3,0.5``, ascending, each once.

    >>> parse_tome("0.5,0.3")
    (0.3, 0.5)
    """
    return tuple(sorted({_share(part) for part in text.split(",")}))


def _share(text: str) -> float:
    ratio = float(text) if _SHARE.fullmatch(text.strip()) else 0.0
    if not 0 < ratio <= MOST_MERGED:
        raise InputError(f"tome {text.strip()!r}: expected shares of the tokens in hundredths, 0.01 to {MOST_MERGED:g}")
    return ratio


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
