"""Pixels made on the device: the host's very bytes, and nothing else crosses."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.own_memory import OwnMemory

from accel_exporter.loop_graphs import write_loop_graphs
from accel_runtime import Pipeline, open_bundle
from accel_runtime.backends.onnxruntime.memory import OrtBuffer
from accel_runtime.denoising.pixels import DevicePixels, to_pixels
from accel_runtime.errors import NumericsError
from accel_runtime.manifest import encode_manifest


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graphs") / "loop"
    return folder.parent / str(write_loop_graphs(folder).pixels)


def made(graph: Path, sample: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    backend = OwnMemory()
    buffer = backend.allocate(sample.shape)
    buffer.write(sample)
    return DevicePixels(buffer, backend.load(graph), backend=backend).read()


def test_every_level_and_every_half_between_two_is_rounded_as_numpy_does(graph: Path) -> None:
    levels = np.arange(-20, 600, 0.5, dtype=np.float32)[: 2 * 3 * 10 * 20] / np.float32(255)
    sample = (levels * 2 - 1).reshape(2, 3, 10, 20)

    found = made(graph, sample)

    assert found.dtype == np.uint8
    assert found.min() == 0
    assert found.max() == 255
    np.testing.assert_array_equal(found, to_pixels(sample))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_sample_that_is_no_picture_is_no_picture_on_the_device_either(graph: Path, bad: float) -> None:
    sample = np.zeros((1, 3, 4, 4), np.float32)
    sample[0, 1, 2, 3] = bad

    for convert in (to_pixels, lambda values: made(graph, values)):
        with pytest.raises(NumericsError, match="NaN or infinite pixels"):
            convert(sample)


def test_numbers_next_to_a_half_are_rounded_as_numpy_does(graph: Path) -> None:
    halves = np.arange(0.5, 255, 1, dtype=np.float32) / np.float32(255) * 2 - 1
    near = np.stack([np.nextafter(halves, np.float32(-2)), halves, np.nextafter(halves, np.float32(2))])
    sample = near.reshape(1, 3, 5, 51)

    np.testing.assert_array_equal(made(graph, sample), to_pixels(sample))


def test_decoding_hands_four_bytes_a_pixel_to_the_host(
    pipeline: Pipeline, bundle_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latents = np.random.default_rng(0).standard_normal((2, 4, 8, 8)).astype(np.float32)
    expected = pipeline.decode(latents)
    device = open_bundle(bundle_folder, OwnMemory())
    crossed: list[tuple[int, ...]] = []
    original = OrtBuffer.read

    def noted(self: OrtBuffer) -> Any:
        crossed.append(self.shape)
        return original(self)

    monkeypatch.setattr(OrtBuffer, "read", noted)

    found = device.decode(latents)

    np.testing.assert_array_equal(found, expected)
    assert crossed == [(1,), (1, 16, 16), (1,), (1, 16, 16)]


def test_where_the_loop_is_the_hosts_the_pixels_are_made_there_too(
    pipeline: Pipeline, bundle_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latents = np.random.default_rng(0).standard_normal((1, 4, 8, 8)).astype(np.float32)
    device = open_bundle(bundle_folder, OwnMemory(), loop="host")
    monkeypatch.setattr("accel_runtime.denoising.components.DevicePixels", None)

    np.testing.assert_array_equal(device.decode(latents), pipeline.decode(latents))


def test_a_bundle_without_the_graph_is_decoded_on_the_host(pipeline: Pipeline) -> None:
    loop = pipeline.bundle.manifest.loop
    assert loop is not None
    older = msgspec.structs.replace(pipeline.bundle.manifest, loop=msgspec.structs.replace(loop, pixels=None))
    latents = np.random.default_rng(1).standard_normal((1, 4, 8, 8)).astype(np.float32)

    found = Pipeline(replace(pipeline.bundle, manifest=older), OwnMemory()).decode(latents)

    np.testing.assert_array_equal(found, pipeline.decode(latents))
    assert b'"pixels"' not in encode_manifest(older)
