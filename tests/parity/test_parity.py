"""Every configuration of the parity report, at its step count nearest to 20, on the small random model."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.parity.compare import compare
from tests.parity.configurations import CONFIGURATIONS, Configuration

from accel_runtime import Pipeline

NOT_LINEAR = {
    "DDIM clip_sample",
    "DDIM thresholding",
    "DDPM learned_range",
    "DDPM clip_sample",
    "DPM++ 2M thresholding",
    "Consistency model",
}
NOT_FINITE_IN_DIFFUSERS = {"DDPM fixed_large_log", "UniPC 2 predicting noise", "UniPC 2 bh1"}
NO_PIPELINE_DRIVES_IT = {"CogVideoX DPM"}
FAILS_IN_DIFFUSERS_AT_50 = {"DPM++ 2M beta", "UniPC 2 beta"}
REFUSED = NOT_LINEAR | NOT_FINITE_IN_DIFFUSERS | NO_PIPELINE_DRIVES_IT


@pytest.fixture
def theirs(diffusers_pipeline: Any) -> Iterator[Any]:
    """The pipeline in diffusers; its scheduler is put back."""
    own = diffusers_pipeline.scheduler
    yield diffusers_pipeline
    diffusers_pipeline.scheduler = own


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda each: each.label)
def test_the_same_seed_is_the_same_picture_with_every_linear_scheduler(
    configuration: Configuration, pipeline: Pipeline, theirs: Any
) -> None:
    nearest = min(configuration.steps, key=lambda steps: abs(steps - 20))
    for comparison in compare(replace(configuration, steps=(nearest,)), pipeline, theirs):
        assert (comparison.refused is not None) == (configuration.label in REFUSED)
        assert comparison.pixels in (None, 0, 1)
        assert comparison.refused or comparison.relative <= 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda each: each.label)
def test_so_it_is_at_every_step_count_of_the_report(
    configuration: Configuration, pipeline: Pipeline, theirs: Any
) -> None:
    for comparison in compare(configuration, pipeline, theirs):
        at_50 = FAILS_IN_DIFFUSERS_AT_50 if comparison.steps == 50 else set()
        assert comparison.refused is None or configuration.label in REFUSED | at_50
        assert comparison.pixels in (None, 0, 1)
        assert comparison.refused or comparison.relative <= 1e-4
