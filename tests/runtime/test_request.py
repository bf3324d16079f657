"""What a user asks for."""

import numpy as np
import pytest

from accel_runtime import Pipeline, Request
from accel_runtime.errors import InputError


def test_images_of_one_batch_may_have_seeds_that_do_not_follow_each_other(pipeline: Pipeline) -> None:
    plan = pipeline.plan(2, scheduler="euler_a")
    together = pipeline.generate(Request(("a fox", "a hen"), seeds=(7, 3)), plan)
    alone = [pipeline.generate(Request((prompt,), seed=seed), plan) for prompt, seed in (("a fox", 7), ("a hen", 3))]

    for row, one in zip(together.latents, alone, strict=True):
        np.testing.assert_allclose(row, one.latents[0], atol=1e-4)


def test_seeds_must_be_as_many_as_the_images(pipeline: Pipeline) -> None:
    with pytest.raises(InputError, match="one per image, 2, got 1"):
        pipeline.generate(Request(("a fox", "a hen"), seeds=(7,)), pipeline.plan(2))
