"""Where a bundle keeps a graph in the form that a backend takes."""

from pathlib import Path

from accel_runtime.backends.base import Artifact
from accel_runtime.bundle import Bundle
from accel_runtime.errors import BackendError


def locate(bundle: Bundle, graph: str, *, artifact: Artifact) -> Path:
    """The file to hand to `Backend.load`.

    Args:
        bundle: An opened bundle.
        graph: A name of `GraphSpecs.items`, such as `unet_shallow_0`.
        artifact: The backend's.

    Raises:
        BackendError: The bundle was exported without that form.
    """
    manifest = bundle.manifest
    if artifact == "onnx":
        return bundle.path(dict(manifest.graphs.items())[graph].file)
    if manifest.inductor is None:
        raise BackendError(
            f"{bundle.folder}: the bundle has no AOTInductor packages: export it with `accel export --format inductor`"
        )
    return bundle.path(manifest.inductor.graphs[graph].file)
