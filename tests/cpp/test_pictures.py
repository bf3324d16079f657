"""libaccel draws what the Python runtime draws, to the bit."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cpp.binding import Asked, LibraryError
from tests.cpp.both import Both
from tests.cpp.bundles import FROM_IMAGES, SCHEDULERS, STEPS, STRENGTH
from tests.solved import solved_plan

from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.spec import PlanSpec

APPLE = Asked(("red apple on a blue background",), seed=3, guidance=4.0)
SIDE = 64
# What allocators may still take after the first pictures.
MEGABYTES = 8 << 20


def spec_of(deep: Any = "every:2", **parts: Any) -> PlanSpec:
    return PlanSpec(deep=deep, **{"scheduler": "ddim", "steps": STEPS, **parts})


def picture(count: int, *, seed: int) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), np.uint8)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_scheduler_draws_the_same_picture(both: Both, scheduler: str) -> None:
    both.check_equal(spec_of("full", scheduler=scheduler), APPLE)


@pytest.mark.parametrize("scheduler", FROM_IMAGES)
def test_every_kind_of_scheduler_starts_from_an_image(both: Both, scheduler: str) -> None:
    asked = Asked(("owl",), seed=5, guidance=3.0, image=picture(1, seed=0), strength=STRENGTH)

    both.check_equal(spec_of("full", scheduler=scheduler), asked)


@pytest.mark.parametrize(
    "spec",
    [
        spec_of("every:2"),
        spec_of("every:2", forecast=Forecast.LINEAR),
        spec_of("every:2", forecast=Forecast.LINEAR, scheduler="heun"),
        spec_of((0, 1, 2), forecast=Forecast.QUADRATIC),
        spec_of((0, 1), weights={2: (1.4, -0.4), 4: (0.7,)}),
        spec_of("every:2", guided_calls=(0, 2), forecast=Forecast.LINEAR),
        solved_plan((0, 2, 4), calls=STEPS),
        solved_plan((0, 2), shallow=(1, 4), calls=STEPS, forecast=Forecast.LINEAR),
    ],
    ids=["hold", "linear", "linear-heun", "quadratic", "weights", "guided-calls", "skips", "skips-and-shallow"],
)
def test_every_kind_of_plan_draws_the_same_picture(both: Both, spec: PlanSpec) -> None:
    both.check_equal(spec, APPLE)


@pytest.mark.parametrize(
    "asked",
    [
        Asked(("red apple",), guidance=1.0),
        Asked(("red apple",), guidance=4.0, guidance_rescale=0.7),
        Asked(("red apple", "owl"), negatives=("blue",), seed=2**63, guidance=4.0),
        Asked(("red apple", "owl"), negatives=("blue", "red"), images_per_prompt=2, seeds=(4, 3, 2, 1), guidance=4.0),
        Asked(("owl",), size=(96, 64), guidance=4.0),
        Asked(("owl",), latents=np.random.default_rng(0).standard_normal((1, 4, 16, 16), np.float32), guidance=4.0),
        Asked(("owl", "fox"), image=picture(2, seed=1), strength=STRENGTH, guidance=4.0),
        Asked(("owl", "fox"), image=picture(1, seed=2)[0], strength=STRENGTH, guidance=4.0),
        Asked(("",)),
        Asked(("a prompt that is far too long for the text encoder of this model " * 3,), guidance=2.0),
    ],
    ids=["unguided", "rescaled", "batch", "seeds", "size", "latents", "images", "one-image", "no-prompt", "long"],
)
def test_every_kind_of_request_draws_the_same_picture(both: Both, asked: Asked) -> None:
    both.check_equal(spec_of("every:2", forecast=Forecast.LINEAR, scheduler="euler_a"), asked)


def test_progress_tells_every_call_and_its_latents(both: Both) -> None:
    seen: list[tuple[int, int, float, bool, Any]] = []

    def on_progress(progress: Any) -> int:
        latents = np.ctypeslib.as_array(progress.latents, (progress.latent_count,)).copy()
        seen.append((progress.index, progress.total, progress.timestep, bool(progress.is_shallow), latents))
        return 0

    spec = spec_of("every:2")
    _, latents = both.drawn_by_cpp(spec, Asked(("owl",), on_progress=on_progress))

    rows = both.python.compile(spec).schedule.rows
    assert [each[:4] for each in seen] == [(at, STEPS, row.timestep, at % 2 == 1) for at, row in enumerate(rows)]
    assert np.array_equal(seen[-1][4], latents.ravel())


def test_a_callback_decodes_a_preview_of_its_latents(both: Both) -> None:
    previews: list[Any] = []

    def on_progress(progress: Any) -> int:
        latents = np.ctypeslib.as_array(progress.latents, (2, 4, SIDE // 4, SIDE // 4)).copy()
        previews.append((latents, both.library.decode(both.pipeline, latents, size=(SIDE, SIDE))))
        return 0

    pixels, _ = both.drawn_by_cpp(spec_of("every:2"), Asked(("owl", "fox"), on_progress=on_progress))

    for latents, preview in previews:
        assert np.array_equal(preview, both.python.decode(latents))
    assert np.array_equal(previews[-1][1], pixels)
    with pytest.raises(LibraryError, match="expected what accel_request_shape tells"):
        both.library.decode(both.pipeline, previews[0][0], size=(SIDE, SIDE + 8))


def test_a_hundred_images_in_one_process_keep_memory_flat(both: Both) -> None:
    if not Path("/proc/self/statm").exists():
        pytest.skip("no /proc to read the memory from")

    def draw(images: int) -> int:
        for seed in range(images):
            both.drawn_by_cpp(spec_of("every:5"), Asked(("owl",), seed=seed, guidance=4.0))
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    before = draw(10)

    assert draw(100) - before < MEGABYTES
