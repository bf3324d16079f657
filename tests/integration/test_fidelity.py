"""Same seed, same scheduler, no caching: our image is diffusers' image."""

from typing import Any

import diffusers
import numpy as np
import pytest
import torch

from accel_exporter.check import relative_error
from accel_runtime import Pipeline, Request

STEPS = 10
CLASSES: dict[str, tuple[str, dict[str, Any]]] = {
    "ddim": ("DDIMScheduler", {}),
    "pndm": ("PNDMScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
    "dpmpp_2m": ("DPMSolverMultistepScheduler", {}),
}


def diffusers_run(pipe: Any, scheduler: str, **options: Any) -> Any:
    """What `StableDiffusionPipeline` gives with another scheduler put in the documented way."""
    name, overrides = CLASSES[scheduler]
    own = pipe.scheduler
    try:
        if type(own).__name__ != name:
            pipe.scheduler = getattr(diffusers, name).from_config(own.config, **overrides)
        return pipe(num_inference_steps=STEPS, **options)
    finally:
        pipe.scheduler = own


def final_latents(pipe: Any, scheduler: str, **options: Any) -> Any:
    return diffusers_run(pipe, scheduler, output_type="latent", **options).images.numpy()


@pytest.mark.parametrize("scheduler", CLASSES)
def test_the_same_latents_end_at_the_same_latents(pipeline: Pipeline, diffusers_pipeline: Any, scheduler: str) -> None:
    latents = np.random.default_rng(0).standard_normal((1, 4, 8, 8)).astype(np.float32)
    expected = final_latents(
        diffusers_pipeline,
        scheduler,
        prompt="a cat",
        negative_prompt="a dog",
        latents=torch.from_numpy(latents),
    )
    request = Request(("a cat",), negatives=("a dog",), latents=latents)
    result = pipeline.generate(request, pipeline.plan(STEPS, scheduler=scheduler))

    assert relative_error(result.latents, expected) <= 1e-5


@pytest.mark.parametrize("scheduler", CLASSES)
def test_the_same_seed_is_the_same_picture(pipeline: Pipeline, diffusers_pipeline: Any, scheduler: str) -> None:
    generator = torch.Generator("cpu").manual_seed(7)
    expected = diffusers_run(
        diffusers_pipeline, scheduler, prompt="a cat", generator=generator, output_type="np"
    ).images
    result = pipeline.generate(Request(("a cat",), seed=7), pipeline.plan(STEPS, scheduler=scheduler))

    assert np.abs(result.images - (expected * 255).round()).max() <= 1


def test_guidance_1_is_diffusers_without_guidance(pipeline: Pipeline, diffusers_pipeline: Any) -> None:
    latents = np.random.default_rng(1).standard_normal((1, 4, 8, 8)).astype(np.float32)
    expected = final_latents(
        diffusers_pipeline, "ddim", prompt="a cat", guidance_scale=1.0, latents=torch.from_numpy(latents)
    )
    result = pipeline.generate(
        Request(("a cat",), latents=latents), pipeline.plan(STEPS, scheduler="ddim", guidance=1.0)
    )

    assert relative_error(result.latents, expected) <= 1e-5


def test_a_batch_is_diffusers_batch_with_a_generator_per_image(pipeline: Pipeline, diffusers_pipeline: Any) -> None:
    expected = final_latents(
        diffusers_pipeline,
        "euler",
        prompt=["a cat", "a dog"],
        negative_prompt=["x", "y"],
        num_images_per_prompt=2,
        height=24,
        width=16,
        generator=[torch.Generator("cpu").manual_seed(3 + image) for image in range(4)],
    )
    request = Request(("a cat", "a dog"), negatives=("x", "y"), images_per_prompt=2, seed=3, height=24, width=16)
    result = pipeline.generate(request, pipeline.plan(STEPS, scheduler="euler"))

    assert result.images.shape == (4, 24, 16, 3)
    assert relative_error(result.latents, expected) <= 1e-5


def test_a_too_long_prompt_is_cut_where_diffusers_cuts_it(pipeline: Pipeline, diffusers_pipeline: Any) -> None:
    prompt = "a very long prompt that no text encoder of twelve tokens can take"
    tokenizer = diffusers_pipeline.tokenizer
    expected = tokenizer(prompt, padding="max_length", max_length=tokenizer.model_max_length, truncation=True)

    tokens = pipeline.tokenize(prompt)

    assert tokens.ids.tolist() == expected.input_ids
    assert tokens.cut == "prompt that no text encoder of twelve tokens can take"[1:]


@pytest.mark.parametrize("prompt", ["", "a cat", "Füße & 東京!", "  spaces   and\ttabs\n", "<|endoftext|>", "🦊 fox"])
def test_prompts_become_the_ids_of_transformers(pipeline: Pipeline, diffusers_pipeline: Any, prompt: str) -> None:
    tokenizer = diffusers_pipeline.tokenizer
    expected = tokenizer(prompt, padding="max_length", max_length=tokenizer.model_max_length, truncation=True)

    assert pipeline.tokenize(prompt).ids.tolist() == expected.input_ids
