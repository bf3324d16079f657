"""What to quantise."""

from dataclasses import dataclass
from typing import Final, Literal

from accel_runtime.errors import InputError

# Pictures that no one tells apart from the float32 ones without a difference image.
DEFAULT_LEAST_PSNR: Final = 46.0
_BOUNDS: Final = (10.0, 80.0)


@dataclass(frozen=True, slots=True)
class Int8:
    """The int8 part of an export.

    Attributes:
        kind: `mixed` computes the layers that cost least in int8; `weights` only stores weights so.
        least_psnr: Of `mixed`, mean PSNR to the float32 pictures that must be kept, in dB.
    """

    kind: Literal["mixed", "weights"]
    least_psnr: float = DEFAULT_LEAST_PSNR

    def __post_init__(self) -> None:
        low, high = _BOUNDS
        if not low <= self.least_psnr <= high:
            raise InputError(f"int8 loss: expected {low:g} to {high:g} dB, got {self.least_psnr:g}")
