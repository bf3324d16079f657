"""Half precision: smaller, close to float32, and float32 wherever the loop looks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.own_memory import OwnMemory

from accel_exporter.check import relative_error
from accel_exporter.options import parse_dtype, parse_vae_dtype
from accel_runtime import InputError, Pipeline, Request, open_bundle


@pytest.mark.parametrize(
    "options", [{}, {"deep": "every:2", "forecast": "linear", "branch": 1}, {"deep": "every:3", "guidance": 1.0}]
)
def test_latents_are_close_to_those_of_float32(half_folder: Path, pipeline: Pipeline, options: dict[str, Any]) -> None:
    half, request = open_bundle(half_folder), Request(("a cat",), seed=3)

    found = half.generate(request, half.plan(10, scheduler="ddim", **options)).latents

    expected = pipeline.generate(request, pipeline.plan(10, scheduler="ddim", **options)).latents
    assert found.dtype == np.float32
    assert 0 < relative_error(found, expected) <= 2e-2


def test_the_loop_on_the_device_sums_half_precision_features(half_folder: Path) -> None:
    host, device = open_bundle(half_folder), open_bundle(half_folder, OwnMemory())
    plan = host.plan(8, "every:3", scheduler="ddim", forecast="quadratic")
    request = Request(("a cat",), seed=3)

    assert relative_error(device.generate(request, plan).latents, host.generate(request, plan).latents) <= 2e-2


def test_only_features_cross_between_graphs_in_half_precision(half_folder: Path, bundle_folder: Path) -> None:
    graphs = open_bundle(half_folder).bundle.manifest.graphs
    types = {t.name: t.dtype for graph in graphs.values() for t in (*graph.inputs, *graph.outputs)}

    halves = {name for name, dtype in types.items() if dtype == "float16"}
    assert halves == {"feature_0", "feature_1"}
    sizes = [(folder / "unet" / "weights.data").stat().st_size for folder in (half_folder, bundle_folder)]
    assert 0.45 <= sizes[0] / sizes[1] <= 0.55
    assert graphs["unet_deep"].relative_error > 1e-5
    assert graphs["vae_decoder"].relative_error > 1e-5


def test_the_vae_is_half_as_large_and_its_pixels_are_close(half_folder: Path, bundle_folder: Path) -> None:
    half, whole = open_bundle(half_folder), open_bundle(bundle_folder)
    latents = np.random.default_rng(0).standard_normal((1, 4, 8, 8)).astype(np.float32)

    found, expected = (each.decode(latents).astype(np.float32) for each in (half, whole))

    assert half.bundle.manifest.codec_dtype == "float16"
    assert 0 < relative_error(found, expected) <= 2e-2
    sizes = [(folder / "vae_decoder" / "model.data").stat().st_size for folder in (half_folder, bundle_folder)]
    assert 0.45 <= sizes[0] / sizes[1] <= 0.55


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(InputError, match="'int8': expected one of fp32, fp16, bf16, int8-mixed, int8-weights"):
        parse_dtype("int8")
    with pytest.raises(InputError, match="VAE dtype: expected fp32 or fp16, got bf16"):
        parse_vae_dtype("bf16")
