"""The exporter needs torch and its friends; without them a command says which extra brings them."""

from collections.abc import Iterator
from contextlib import contextmanager

from accel_runtime.errors import MissingExtraError

_EXPORT_PACKAGES = frozenset(
    {"accelerate", "diffusers", "huggingface_hub", "onnx", "onnx_ir", "onnxruntime", "onnxscript"}
    | {"sympy", "torch", "transformers"}
)


@contextmanager
def export_extra() -> Iterator[None]:
    """Turn a missing package of the `export` extra into a one-line error.

    Raises:
        MissingExtraError: One of the extra's packages is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in _EXPORT_PACKAGES:
            raise
        raise MissingExtraError(error.name, extra="export") from None
