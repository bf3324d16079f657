"""Names of dtypes: short in options and profiles, long in manifests."""

from typing import Final, Literal

DType = Literal["fp32", "fp16", "bf16"]
LONG_NAMES: Final[dict[DType, str]] = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
SHORT_NAMES: Final = {long: short for short, long in LONG_NAMES.items()}
