"""Which form of the graphs runs: the provider's first that the bundle has, or the one asked for, or an error."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.runtime.manifest.test_manifest import SHA, document, parse

from accel_runtime.bundle.artifacts import locate
from accel_runtime.bundle.bundle import Bundle
from accel_runtime.bundle.forms import choose_form, providers_in
from accel_runtime.errors import AccelError, BundleError, InputError
from accel_runtime.manifest import encode_manifest


def with_forms(*forms: str) -> dict[str, Any]:
    whole = document()
    names = list(whole["graphs"])
    whole["forms"] = {
        form: {name: {"file": f"x/{name}.{form}.onnx", "relative_error": 1e-6, "checked": "run"} for name in names}
        for form in forms
    }
    whole["files"] |= {f"x/{name}.{form}.onnx": {"size": 1, "sha256": SHA} for form in forms for name in names}
    return whole


def bundle(*forms: str) -> Bundle:
    return Bundle(Path("b"), parse(with_forms(*forms)), digest="")


@pytest.mark.parametrize(
    ("backend", "forms", "asked", "chosen"),
    [
        ("cpu", ("fused", "native"), None, "plain"),
        ("cpu", ("fused", "native"), "native", "native"),
        ("cpu", ("fused", "attention", "native"), None, "attention"),
        ("cuda", ("attention",), None, "plain"),
        ("cuda", ("fused", "native"), None, "fused"),
        ("cuda", ("native",), None, "plain"),
        ("cuda", ("native",), "native", "native"),
        ("cuda", (), None, "plain"),
        ("cuda", ("fused",), "plain", "plain"),
        ("rocm", ("fused", "native"), None, "fused"),
        ("rocm", ("native",), None, "plain"),
        ("migraphx", ("fused", "native"), None, "plain"),
        ("openvino", ("fused", "native"), None, "plain"),
    ],
)
def test_a_provider_runs_the_first_of_its_forms_that_the_bundle_has(
    backend: str, forms: tuple[str, ...], asked: str | None, chosen: str
) -> None:
    assert choose_form(bundle(*forms), backend, asked) == chosen


@pytest.mark.parametrize(
    ("backend", "forms", "asked", "message"),
    [
        ("cpu", ("fused",), "fused", "form fused: cpu cannot run it, only cuda, rocm: take --form plain"),
        ("rocm", ("native",), "native", "form native: rocm cannot run it, only cpu, cuda"),
        (
            "cuda",
            ("native",),
            "fused",
            "no fused graphs, only plain, native: export it with `accel export --form fused`",
        ),
        ("cpu", (), "fast", "form 'fast': expected one of plain, fused, attention, native"),
    ],
)
def test_what_cannot_run_is_refused_with_what_to_do(
    backend: str, forms: tuple[str, ...], asked: str, message: str
) -> None:
    with pytest.raises(AccelError) as refused:
        choose_form(bundle(*forms), backend, asked)

    assert message in str(refused.value)


def test_a_graph_is_found_in_the_form_that_was_chosen() -> None:
    opened = bundle("fused")

    assert locate(opened, "deep", artifact="onnx", form="fused") == "x/deep.fused.onnx"
    assert locate(opened, "deep", artifact="onnx") == "unet/model.onnx"


def test_a_form_that_lacks_a_graph_is_no_form() -> None:
    torn = with_forms("fused")
    del torn["forms"]["fused"]["deep"]

    with pytest.raises(BundleError, match=r"forms\.fused: expected clip, deep, thin"):
        parse(torn)


def test_a_bundle_without_forms_keeps_its_digest() -> None:
    assert "forms" not in msgspec.json.decode(encode_manifest(parse(document())))


def in_bfloat16() -> Bundle:
    return Bundle(Path("b"), parse(document() | {"dtype": "bfloat16"}), digest="")


@pytest.mark.parametrize("backend", ["cpu", "rocm", "migraphx"])
def test_a_provider_that_cannot_compute_in_the_bundles_precision_is_refused(backend: str) -> None:
    with pytest.raises(InputError) as refused:
        choose_form(in_bfloat16(), backend)

    assert str(refused.value) == (
        f"b: {backend} cannot compute in bfloat16, only cuda, inductor, openvino: "
        "choose one with --provider, or export with --dtype fp32"
    )


@pytest.mark.parametrize("backend", providers_in("bfloat16"))
def test_a_provider_that_computes_in_the_bundles_precision_runs_its_plain_graphs(backend: str) -> None:
    assert choose_form(in_bfloat16(), backend) == "plain"


def test_every_provider_computes_in_float32_and_float16() -> None:
    assert providers_in("float32") == providers_in("float16") == ()
