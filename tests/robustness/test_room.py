"""What a request needs, before anything is allocated for it."""

import math
from typing import Any

import pytest

from accel_runtime import Pipeline, Request
from accel_runtime.bundle.dims import resolve
from accel_runtime.bundle.room import check_room, least_bytes, machine_memory
from accel_runtime.errors import InputError


@pytest.mark.parametrize(
    "sizes",
    [
        {"height": 10**9},
        {"width": -16},
        {"height": 0},
        {"images_per_prompt": 10**9},
        {"images_per_prompt": 0},
    ],
)
def test_a_size_or_count_out_of_range_is_refused_before_anything_is_allocated(pipeline: Pipeline, sizes: Any) -> None:
    with pytest.raises(InputError, match="expected"):
        pipeline.denoise(Request(("a cat",), **sizes), pipeline.plan(2))


def test_what_is_said_to_be_needed_is_what_the_tensors_take(pipeline: Pipeline) -> None:
    manifest = pipeline.bundle.manifest
    state, width = manifest.state, manifest.graphs["text_encoder"].outputs[0].shape[2]
    assert isinstance(width, int)
    sizes = {"batch": 6, "latent_height": 8, "latent_width": 16}
    feature = max(math.prod(resolve(spec.shape, sizes)) for spec in manifest.deep.outputs)
    in_unet = 4 * (6 * state.channels * 8 * 16 + 1 + 6 * manifest.texts["text_encoder"].max_length * width + feature)
    in_vae = 4 * (state.channels * 8 * 16 + 3 * 8 * 16 * state.scale**2)
    pixels = 3 * 3 * 8 * 16 * state.scale**2

    assert least_bytes(manifest, images=3, rows=6, latents=(8, 16)) == max(in_unet, in_vae + pixels)


def test_a_machine_that_is_too_small_is_said_with_both_figures(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = least_bytes(pipeline.bundle.manifest, images=1, rows=2, latents=(8, 8))
    monkeypatch.setattr("accel_runtime.bundle.room.machine_memory", lambda: needed - 1)

    with pytest.raises(InputError, match="takes at least"):
        pipeline.denoise(Request(("a cat",), images_per_prompt=9), pipeline.plan(2))
    with pytest.raises(InputError, match=r"an image of 16×16 pixels takes at least .* GB, this machine has"):
        check_room(pipeline.bundle.manifest, images=1, rows=2, latents=(8, 8))
    assert machine_memory()
