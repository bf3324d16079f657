"""The families beside Stable Diffusion 1: the same pictures from their small pipelines."""

from collections.abc import Iterator

import numpy as np
import pytest
from tests.bundles import family_bundle
from tests.cpp.binding import Asked, Library
from tests.cpp.both import Both
from tests.cpp.build import Built

from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.spec import PlanSpec

STEPS = 4


@pytest.fixture(params=["sd21", "sdxl", "lcm"])
def family(request: pytest.FixtureRequest, library: Library, cpp: Built) -> Iterator[Both]:
    opened = Both.open(library, family_bundle(request.param), onnxruntime=cpp.onnxruntime)
    yield opened
    opened.close()


def test_a_family_draws_the_same_picture(family: Both) -> None:
    spec = PlanSpec(deep="every:2", branch=1, forecast=Forecast.LINEAR, steps=STEPS)

    family.check_equal(spec, Asked(("a fox", "an owl"), negatives=("blue", ""), guidance=5.0, seed=2))


def test_the_refiner_starts_from_the_same_image(library: Library, cpp: Built) -> None:
    opened = Both.open(library, family_bundle("refiner"), onnxruntime=cpp.onnxruntime)
    state = opened.python.bundle.manifest.state
    image = np.random.default_rng(0).integers(0, 256, (*state.sample_size, 3), np.uint8)

    opened.check_equal(PlanSpec(deep="full", steps=STEPS), Asked(("a fox",), guidance=5.0, image=image, strength=0.75))
    opened.close()


def test_latents_that_halve_to_odd_sizes_are_drawn_too(library: Library, cpp: Built) -> None:
    opened = Both.open(library, family_bundle("eighths"), onnxruntime=cpp.onnxruntime)
    spec = PlanSpec(deep="every:2", branch=2, steps=STEPS)

    opened.check_equal(spec, Asked(("a fox",), guidance=5.0, size=(72, 88)))
    opened.close()
