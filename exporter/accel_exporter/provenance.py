"""Where a bundle comes from, as its manifest tells it."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final

from accel_exporter.options import ExportOptions
from accel_exporter.sources import Source
from accel_runtime.manifest import Provenance

_STAMPED_PACKAGES: Final = (
    "accel-sd",
    "diffusers",
    "onnx",
    "onnx-ir",
    "onnxruntime",
    "onnxscript",
    "torch",
    "transformers",
)


def describe_provenance(source: Source, options: ExportOptions, *, model: str | None) -> Provenance:
    """Where the pipeline came from, and how it was exported.

    Args:
        source: The pipeline.
        options: Options of the export.
        model: `model_hash` of the denoiser.
    """
    origin = source.origin
    return Provenance(
        source=origin.source,
        pipeline_class=str(source.model_index["_class_name"]),
        revision=origin.revision,
        weights=origin.weights,
        seed=origin.seed,
        model=model,
        packages={name: _version(name) for name in _STAMPED_PACKAGES},
        options={
            "opset": options.operator_set,
            "static": options.static is not None,
            "max_steps": options.max_steps,
            **({"clip_skip": source.clip_skip} if source.clip_skip else {}),
        },
        adaptations=source.adaptations,
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
