"""What a provider can run: which form of a bundle's graphs, and which precision.

docs/design/0009-graph-forms.md says why there are several forms. This ages with releases of the providers, so it is
here and not in bundles.
"""

from collections.abc import Mapping
from typing import Final, get_args

from accel_runtime.bundle.bundle import Bundle
from accel_runtime.errors import BackendError, InputError
from accel_runtime.manifest import ExtraForm, Form, Precision

FORMS: Final[tuple[Form, ...]] = ("plain", *get_args(ExtraForm))

# Name of a backend → forms that it can run, the preferred one first; all others run `plain` only. `attention` is what
# was the fastest on CPUs, and `fused` what ONNX Runtime's own Stable Diffusion examples run on GPUs. `native` comes
# last where a provider lacks GroupNormalization: taken apart at load, it leaves shape arithmetic to the CPU, and is
# refused. The ROCm provider ends at opset 21; MIGraphX and TensorRT would hand some fused operators to the CPU.
_ORDER: Final[Mapping[str, tuple[Form, ...]]] = {
    "cpu": ("attention", "plain", "native"),
    "cuda": ("fused", "plain", "native"),
    "rocm": ("fused", "plain"),
}

# Precision → the backends that can compute in it, by name; all can in what is not here. ONNX Runtime's CPU provider has
# no bfloat16 arithmetic, ROCm's and MIGraphX's end before opset 22, from which on ONNX has such convolutions.
_COMPUTES: Final[Mapping[Precision, tuple[str, ...]]] = {"bfloat16": ("cuda", "inductor", "openvino")}


def providers_in(dtype: Precision) -> tuple[str, ...]:
    """The backends that can compute in a precision, by name; empty where all can."""
    return _COMPUTES.get(dtype, ())


def providers_of(form: ExtraForm) -> tuple[str, ...]:
    """The backends that can run a form, by name."""
    return tuple(name for name, forms in _ORDER.items() if form in forms)


def choose_form(bundle: Bundle, backend: str, asked: str | None = None) -> Form:
    """The form to run.

    Args:
        bundle: Must have the form.
        backend: `Backend.name`.
        asked: Form that the user chose; None for the backend's preferred one among those of the bundle.

    Raises:
        InputError: There is no such form, or the backend cannot run it, or not compute in the bundle's precision.
        BackendError: The bundle lacks it.
    """
    _check_precision(bundle, backend)
    has: tuple[Form, ...] = ("plain", *bundle.manifest.forms)
    if asked is None:
        return next((form for form in _ORDER.get(backend, ()) if form in has), "plain")
    form = parse_form(asked)
    if form == "plain":
        return form
    if form not in has:
        raise BackendError(
            f"{bundle.folder}: the bundle has no {form} graphs, only {', '.join(has)}: "
            f"export it with `accel export --form {form}`"
        )
    if backend not in (able := providers_of(form)):
        raise InputError(f"form {form}: {backend} cannot run it, only {', '.join(able)}: take --form plain")
    return form


def parse_form(text: str) -> Form:
    """A form by its name.

    Raises:
        InputError: There is none of that name.
    """
    for form in FORMS:
        if text == form:
            return form
    raise InputError(f"form {text!r}: expected one of {', '.join(FORMS)}")


def _check_precision(bundle: Bundle, backend: str) -> None:
    dtype = bundle.manifest.dtype
    able = providers_in(dtype)
    if able and backend not in able:
        raise InputError(
            f"{bundle.folder}: {backend} cannot compute in {dtype}, only {', '.join(able)}: "
            "choose one with --provider, or export with --dtype fp32"
        )
