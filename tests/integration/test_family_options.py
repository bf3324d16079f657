"""Precisions, forms and packages of models that take more than text: masks, control images, classes."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch
from tests.bundles import family_bundle, family_source, kept_bundle

from accel_exporter import ExportOptions, parse_forms
from accel_exporter.check import relative_error
from accel_exporter.families.known import family_of
from accel_exporter.inductor.cut import cut_module, input_names
from accel_exporter.program import export_program
from accel_exporter.sources import open_folder
from accel_runtime import Pipeline, Request, open_bundle
from accel_runtime.errors import InputError
from accel_runtime.request import Control

STEPS: Final = 4
_PICTURES = np.random.default_rng(4).integers(0, 256, (3, 16, 24, 3), dtype=np.uint8)
_STEERED = Request(("a cat",), seed=3, controls=tuple(Control(image, 0.8) for image in _PICTURES[:2]))

REQUESTS: Final[Mapping[str, Request]] = {
    "control": _STEERED,
    "sdxl-control": Request(("a cat",), seed=3, controls=_STEERED.controls[:1]),
    "inpaint": Request(("a cat",), seed=3, image=_PICTURES[0], mask=_PICTURES[1, :, :, 0]),
    "classes": Request(("", ""), seed=3, class_labels=(4, 1)),
}

# A quick family of each kind of test is enough for `make test`.
SLOW: Final = tuple(pytest.param(family, marks=pytest.mark.slow) for family in ("inpaint", "classes"))


def drawn(pipeline: Pipeline, family: str) -> Any:
    """Final latents with feature reuse."""
    plan = pipeline.plan(STEPS, "every:2", scheduler="ddim")
    return pipeline.generate(REQUESTS[family], plan).latents


@cache
def exported(family: str, name: str, **options: Any) -> Path:
    """The family's small pipeline with branch 0, one scheduler, and options."""
    chosen = ExportOptions(branches=(0,), schedulers=("ddim",), max_steps=STEPS, **options)
    return kept_bundle(f"{name}-{family}", family_source(family), chosen)


@pytest.mark.parametrize("family", ["control", *SLOW])
def test_in_half_precision_latents_are_close_to_those_of_float32(family: str) -> None:
    half = open_bundle(exported(family, "half", dtype="float16"))

    found = drawn(half, family)

    assert 0 < relative_error(found, drawn(open_bundle(family_bundle(family)), family)) <= 2e-2
    assert half.bundle.manifest.features == "float16"


@pytest.mark.parametrize("family", ["sdxl-control", *SLOW])
def test_every_form_draws_the_picture_of_the_plain_one(family: str) -> None:
    folder = exported(family, "forms", forms=parse_forms(["fused,attention,native"]))
    plain, attention, native = (open_bundle(folder, form=form) for form in ("plain", "attention", "native"))
    wanted = drawn(plain, family)

    assert relative_error(drawn(attention, family), wanted) <= 1e-4
    assert relative_error(drawn(native, family), wanted) <= 1e-4
    # No provider here runs these; each was held against torch when it was written.
    manifest = plain.bundle.manifest
    assert manifest.forms["fused"].keys() == manifest.graphs.keys()
    with pytest.raises(InputError, match="form fused: cpu cannot run it"):
        open_bundle(folder, form="fused")


@pytest.mark.parametrize("family", ["control", "inpaint", "classes"])
def test_torchs_own_graph_is_cut_for_packages_where_the_onnx_graph_is(family: str) -> None:
    source = open_folder(family_source(family), variant=None)
    kind, options = family_of(source), ExportOptions(with_inductor=True)
    deep = kind.load_denoiser(source, (0,)).build(kind.sizes(source, options).to_trace)
    module = export_program(deep, is_static=False).exported.module(check_guards=False)

    shallow = cut_module(module, 1)

    cut = open_bundle(family_bundle(family)).bundle.manifest.graphs["unet_shallow_0"]
    assert [*input_names(shallow)[:-1], "feature_0"] == [tensor.name for tensor in cut.inputs]
    with torch.no_grad():
        noise, feature = module(*deep.inputs.values())
        given = [deep.inputs[name] for name in input_names(shallow)[:-1]]
        assert torch.equal(shallow(*given, feature)[0], noise)
        assert not torch.allclose(shallow(*given, torch.zeros_like(feature))[0], noise)


@pytest.mark.slow
@pytest.mark.parametrize("family", REQUESTS)
def test_packages_of_aotinductor_draw_what_onnx_runtime_draws(family: str) -> None:
    folder = exported(family, "inductor", with_inductor=True)
    onnx, packages = (open_bundle(folder, provider=provider) for provider in ("cpu", "inductor"))

    assert relative_error(drawn(packages, family), drawn(onnx, family)) <= 1e-4
