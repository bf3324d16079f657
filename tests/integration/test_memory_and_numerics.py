"""What is kept in memory, and what happens to numbers that are none."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from accel_exporter.check import relative_error
from accel_runtime import Pipeline, PlanSpec, Request, compile_plan, open_bundle
from accel_runtime.errors import NumericsError
from accel_runtime.plans.forecast import Forecast


def test_low_memory_changes_when_graphs_are_loaded_and_nothing_else(pipeline: Pipeline, bundle_folder: Path) -> None:
    frugal = open_bundle(bundle_folder, low_memory=True)
    spec = PlanSpec(
        deep=(0, 1, 3), branch=1, forecast=Forecast.LINEAR, guided_calls=(0, 4), scheduler="euler_a", steps=6
    )
    plan = frugal.compile(spec)
    request = Request(("a cat", "a dog"), negatives=("x",), seed=2)

    held = [set(frugal.components._loaded) for _ in frugal.denoise(request, plan)]
    images = frugal.generate(request, plan).images

    expected = pipeline.generate(request, plan)
    assert held == [{"unet_deep", "unet_shallow_1"}] * 6
    assert set(frugal.components._loaded) == {"vae_decoder"}
    assert np.abs(images.astype(int) - expected.images).max() <= 1
    assert relative_error(frugal.generate(request, plan).latents, expected.latents) <= 1e-5


def test_where_it_is_left_open_a_large_model_is_run_frugally(pipeline: Pipeline) -> None:
    manifest = pipeline.bundle.manifest
    deep = msgspec.structs.replace(manifest.deep, parameters=860_000_000)
    graphs = manifest.graphs | {"unet_deep": deep}
    large = replace(pipeline.bundle, manifest=msgspec.structs.replace(manifest, graphs=graphs))
    plan, request = pipeline.plan(4, "every:2", scheduler="ddim"), Request(("a cat",))

    loaded = {}
    for name, each in {
        "small": Pipeline(pipeline.bundle, pipeline.backend, low_memory=None),
        "large": Pipeline(large, pipeline.backend, low_memory=None),
        "kept": Pipeline(large, pipeline.backend),
    }.items():
        each.generate(request, plan)
        loaded[name] = set(each.components._loaded)

    everything = {"text_encoder", "unet_deep", "unet_shallow_0", "vae_decoder"}
    assert loaded == {"small": everything, "large": {"vae_decoder"}, "kept": everything}


def test_latents_that_are_no_numbers_stop_at_the_call_that_made_them(pipeline: Pipeline) -> None:
    schedule = pipeline.schedule(6, "ddim")
    rows = list(schedule.rows)
    rows[3] = msgspec.structs.replace(rows[3], a=(3e38,))
    broken = msgspec.structs.replace(schedule, rows=tuple(rows))
    plan = compile_plan(PlanSpec(deep=(0, 2, 4)), broken, guidance=7.5)
    steps = pipeline.denoise(Request(("a cat",)), plan)

    assert [next(steps).index for _ in range(3)] == [0, 1, 2]
    with pytest.raises(NumericsError, match=r"call 3 \(shallow, timestep \d+\) made NaN or infinite latents"):
        next(steps)
    with pytest.raises(NumericsError, match="VAE decoder made NaN"):
        pipeline.decode(np.full((1, 4, 8, 8), np.nan, np.float32))
