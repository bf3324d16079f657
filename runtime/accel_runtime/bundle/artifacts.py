"""Where a bundle keeps a graph in the form that a backend takes."""

from accel_runtime.backends.base import Artifact
from accel_runtime.bundle.bundle import Bundle
from accel_runtime.errors import BackendError
from accel_runtime.manifest import Form


def locate(bundle: Bundle, graph: str, *, artifact: Artifact, form: Form = "plain") -> str:
    """The file to hand to `Backend.load`, by its path in the bundle.

    Args:
        bundle: An opened bundle.
        graph: Its name in the manifest.
        artifact: The kind of file that the backend loads.
        form: The form of an ONNX graph, as `choose_form` chose it.

    Raises:
        BackendError: The bundle was exported without that form.
    """
    manifest = bundle.manifest
    if artifact == "onnx":
        return manifest.graphs[graph].file if form == "plain" else manifest.forms[form][graph].file
    if manifest.inductor is None:
        raise BackendError(
            f"{bundle.folder}: the bundle has no AOTInductor packages: "
            "export it with `accel export --artifact inductor`"
        )
    return manifest.inductor.graphs[graph].file
