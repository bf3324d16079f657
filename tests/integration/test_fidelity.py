"""Same seed, same scheduler, no caching: our image is diffusers' image."""

from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from accel_exporter.check import relative_error
from accel_exporter.schedules import SCHEDULERS
from accel_runtime import InputError, Pipeline, PlanSpec, Request

STEPS = 10
BUNDLED = tuple(name for name, choice in SCHEDULERS.items() if choice.bundled)


def diffusers_run(pipe: Any, scheduler: str, **options: Any) -> Any:
    """What `StableDiffusionPipeline` gives with another scheduler put in the documented way."""
    choice, own = SCHEDULERS[scheduler], pipe.scheduler
    try:
        if type(own).__name__ != choice.class_name:
            pipe.scheduler = getattr(diffusers, choice.class_name).from_config(own.config, **choice.overrides)
        return pipe(num_inference_steps=STEPS, **options)
    finally:
        pipe.scheduler = own


def final_latents(pipe: Any, scheduler: str, **options: Any) -> Any:
    return diffusers_run(pipe, scheduler, output_type="latent", **options).images.numpy()


@pytest.mark.parametrize("scheduler", BUNDLED)
def test_the_same_latents_end_at_the_same_latents(pipeline: Pipeline, diffusers_pipeline: Any, scheduler: str) -> None:
    latents = np.random.default_rng(0).standard_normal((1, 4, 8, 8)).astype(np.float32)
    expected = final_latents(
        diffusers_pipeline,
        scheduler,
        prompt="a cat",
        negative_prompt="a dog",
        latents=torch.from_numpy(latents),
        generator=torch.Generator("cpu").manual_seed(0),
    )
    request = Request(("a cat",), negatives=("a dog",), latents=latents, seed=0)
    result = pipeline.generate(request, pipeline.plan(STEPS, scheduler=scheduler))

    assert relative_error(result.latents, expected) <= 1e-5


@pytest.mark.parametrize("scheduler", BUNDLED)
def test_the_same_seed_is_the_same_picture(pipeline: Pipeline, diffusers_pipeline: Any, scheduler: str) -> None:
    generator = torch.Generator("cpu").manual_seed(7)
    expected = diffusers_run(
        diffusers_pipeline, scheduler, prompt="a cat", generator=generator, output_type="np"
    ).images
    result = pipeline.generate(Request(("a cat",), seed=7), pipeline.plan(STEPS, scheduler=scheduler))

    assert np.abs(result.images - (expected * 255).round()).max() <= 1


@pytest.mark.parametrize("strength", [0.3, 0.65, 1.0])
@pytest.mark.parametrize("scheduler", BUNDLED)
def test_the_same_seed_and_image_are_the_same_picture(
    pipeline: Pipeline, diffusers_pipeline: Any, scheduler: str, strength: float
) -> None:
    image = np.random.default_rng(2).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    img2img: Any = diffusers.StableDiffusionImg2ImgPipeline(
        **diffusers_pipeline.components, requires_safety_checker=False
    )
    img2img.set_progress_bar_config(disable=True)
    expected = final_latents(
        img2img,
        scheduler,
        prompt=["a cat", "a dog"],
        image=[Image.fromarray(image)] * 2,
        strength=strength,
        generator=[torch.Generator("cpu").manual_seed(3 + each) for each in range(2)],
    )

    request = Request(("a cat", "a dog"), image=image, seed=3)
    result = pipeline.generate(request, pipeline.plan(STEPS, scheduler=scheduler, strength=strength))

    assert result.images.shape == (2, 16, 24, 3)
    assert relative_error(result.latents, expected) <= 1e-5


@pytest.mark.parametrize("scheduler", ["ddim", "euler_a", "dpmpp_2m"])
def test_a_strength_that_leaves_no_call_is_one_line_where_diffusers_fails(
    pipeline: Pipeline, diffusers_pipeline: Any, scheduler: str
) -> None:
    image = np.zeros((16, 24, 3), np.uint8)
    img2img: Any = diffusers.StableDiffusionImg2ImgPipeline(
        **diffusers_pipeline.components, requires_safety_checker=False
    )
    img2img.set_progress_bar_config(disable=True)

    with pytest.raises(RuntimeError, match="tensor of 0 elements"):
        diffusers_run(img2img, scheduler, prompt="a cat", image=Image.fromarray(image), strength=0.01)
    with pytest.raises(InputError, match=r"strength 0\.01 of \d+ steps leaves none to run, .*: expected a strength of"):
        pipeline.plan(STEPS, scheduler=scheduler, strength=0.01)
    with pytest.raises(InputError, match="strength: expected more than 0"):
        pipeline.plan(STEPS, scheduler=scheduler, strength=0.0)


@pytest.mark.parametrize("rescale", [0.3, 1.0])
def test_guidance_rescale_is_that_of_diffusers(pipeline: Pipeline, diffusers_pipeline: Any, rescale: float) -> None:
    expected = final_latents(
        diffusers_pipeline,
        "ddim",
        prompt="a cat",
        guidance_rescale=rescale,
        generator=torch.Generator("cpu").manual_seed(3),
    )
    spec = PlanSpec(deep="full", scheduler="ddim", steps=STEPS)
    plan = pipeline.compile(spec, guidance_rescale=rescale)

    result = pipeline.generate(Request(("a cat",), seed=3), plan)

    assert relative_error(result.latents, expected) <= 1e-5


def test_a_guidance_window_is_guidance_1_outside(pipeline: Pipeline, diffusers_pipeline: Any) -> None:
    def stop_after_4(pipe: Any, step: int, _: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if step == 3:
            pipe._guidance_scale = 1.0
            tensors["prompt_embeds"] = tensors["prompt_embeds"][-1:]
        return tensors

    expected = final_latents(
        diffusers_pipeline,
        "ddim",
        prompt="a cat",
        callback_on_step_end=stop_after_4,
        callback_on_step_end_tensor_inputs=["latents", "prompt_embeds"],
        generator=torch.Generator("cpu").manual_seed(3),
    )
    plan = pipeline.plan(STEPS, scheduler="ddim", guided_calls=(0, 3))

    result = pipeline.generate(Request(("a cat",), seed=3), plan)

    assert relative_error(result.latents, expected) <= 1e-5


def test_an_image_of_another_size_or_beside_latents_is_refused(pipeline: Pipeline) -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    plan = pipeline.plan(STEPS, scheduler="ddim", strength=0.5)
    for request, complaint in (
        (Request(("a cat",), image=image, height=24), "image: expected uint8"),
        (Request(("a cat",), image=image.astype(np.float32)), "image: expected uint8"),
        (Request(("a cat",), image=image, latents=np.zeros((1, 4, 8, 8), np.float32)), "give only one"),
        (Request(("a cat",)), "needs an image"),
    ):
        with pytest.raises(InputError, match=complaint):
            pipeline.generate(request, plan)


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

    (tokens,) = pipeline.tokenize(prompt)

    assert tokens.ids.tolist() == expected.input_ids
    assert tokens.cut == "prompt that no text encoder of twelve tokens can take"[1:]


@pytest.mark.parametrize("prompt", ["", "a cat", "Füße & 東京!", "  spaces   and\ttabs\n", "<|endoftext|>", "🦊 fox"])
def test_prompts_become_the_ids_of_transformers(pipeline: Pipeline, diffusers_pipeline: Any, prompt: str) -> None:
    tokenizer = diffusers_pipeline.tokenizer
    expected = tokenizer(prompt, padding="max_length", max_length=tokenizer.model_max_length, truncation=True)

    (tokens,) = pipeline.tokenize(prompt)
    assert tokens.ids.tolist() == expected.input_ids
