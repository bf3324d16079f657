"""Feature reuse against oracles that know nothing of our graphs."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from DeepCache import DeepCacheSDHelper
from diffusers import DDIMScheduler
from tests.exporter.loops import independent_noise
from torch import Tensor

from accel_exporter.check import relative_error
from accel_exporter.schedules import compile_for, scheduler_for
from accel_exporter.unet import inference
from accel_runtime import Forecast, Pipeline, PlanSpec, Request, compile_plan
from accel_runtime.plans.forecast import forecast_weights

STEPS = 10


@pytest.fixture
def latents() -> Any:
    return np.random.default_rng(5).standard_normal((1, 4, 8, 8)).astype(np.float32)


def ours(pipeline: Pipeline, latents: Any, **plan: Any) -> Any:
    request = Request(("a cat",), latents=latents)
    return pipeline.generate(request, pipeline.plan(STEPS, scheduler="ddim", **plan)).latents


def deepcache_package(pipe: Any, latents: Any, *, scheduler: Any, interval: int) -> Any:
    """Final latents with the DeepCache package's helper, branch 0 in our counting and in its."""
    own, pipe.scheduler = pipe.scheduler, scheduler
    helper = DeepCacheSDHelper(pipe=pipe)
    helper.set_params(cache_interval=interval, cache_branch_id=0)
    helper.enable()
    generator = torch.Generator("cpu").manual_seed(0)
    try:
        with independent_noise(scheduler, generator, shape=latents.shape):
            options = {"latents": torch.from_numpy(latents), "generator": generator, "output_type": "latent"}
            return pipe("a cat", num_inference_steps=STEPS, **options).images.numpy()
    finally:
        helper.disable()
        pipe.scheduler = own


def test_every_3_on_branch_0_is_what_the_deepcache_package_makes(
    pipeline: Pipeline, diffusers_pipeline: Any, latents: Any
) -> None:
    scheduler = DDIMScheduler.from_config(diffusers_pipeline.scheduler.config)

    expected = deepcache_package(diffusers_pipeline, latents, scheduler=scheduler, interval=3)

    assert relative_error(ours(pipeline, latents, deep="every:3"), expected) <= 1e-5


@pytest.mark.parametrize(("name", "calls"), [("heun", 19), ("dpmpp_sde", 19), ("pndm", 11)])
def test_deepcaches_rule_is_a_list_of_calls_where_a_scheduler_makes_more_of_them_than_steps(
    pipeline: Pipeline, diffusers_pipeline: Any, latents: Any, name: str, calls: int
) -> None:
    (schedule,) = compile_for(pipeline.bundle, name, steps=[STEPS]).tables
    times = [row.timestep for row in schedule.rows]
    # The helper looks a call up by its timestep, so a call that repeats one counts as the call that had it first.
    deep = [call for call, time in enumerate(times) if times.index(time) % 3 == 0]
    plan = compile_plan(PlanSpec(deep=tuple(deep)), schedule, guidance=7.5)

    found = pipeline.generate(Request(("a cat",), latents=latents), plan).latents

    scheduler = scheduler_for(name, diffusers_pipeline.scheduler.config)
    expected = deepcache_package(diffusers_pipeline, latents, scheduler=scheduler, interval=3)
    assert len(times) == calls
    assert relative_error(found, expected) <= 1e-4


class HandDrivenUNet:
    """The small UNet's own modules, called one by one in the order of the paper's figure.

    Two levels, one layer each. Skips: conv_in, resnet 0 (+ attention), downsampler, resnet of level 1.
    Up units: two resnets of level 1 and an upsampler, then two resnets with attention of level 0.
    """

    def __init__(self, unet: Any) -> None:
        self.unet = unet

    def run(self, sample: Tensor, t: float, text: Tensor, *, branch: int, feature: Tensor | None) -> Any:
        """The noise and the feature of ``branch``; given one, nothing behind it is computed."""
        unet = self.unet
        time = unet.time_embedding(unet.time_proj(torch.tensor([t])).expand(len(sample), -1))
        skips = self._down(sample, time, text, count=4 if feature is None else branch + 1)
        x = unet.mid_block(skips[-1], time, encoder_hidden_states=text) if feature is None else feature
        kept = None
        for unit in range(0 if feature is None else 3 - branch, 4):
            skip = 3 - unit
            kept = x if skip == branch else kept
            x = self._up(unit, torch.cat([x, skips[skip]], dim=1), time, text)
        return unet.conv_out(unet.conv_act(unet.conv_norm_out(x))), kept

    def _down(self, sample: Tensor, time: Tensor, text: Tensor, *, count: int) -> list[Tensor]:
        first, second = self.unet.down_blocks
        skips = [self.unet.conv_in(sample)]
        if count > 1:
            x = first.resnets[0](skips[0], time)
            skips.append(first.attentions[0](x, encoder_hidden_states=text).sample)
        if count > 2:
            skips.append(first.downsamplers[0](skips[1]))
        if count > 3:
            skips.append(second.resnets[0](skips[2], time))
        return skips

    def _up(self, unit: int, joined: Tensor, time: Tensor, text: Tensor) -> Tensor:
        first, second = self.unet.up_blocks
        block, layer = (first, unit) if unit < 2 else (second, unit - 2)
        x: Tensor = block.resnets[layer](joined, time)
        if unit == 1:
            return first.upsamplers[0](x)  # type: ignore[no-any-return]  # diffusers is untyped
        return second.attentions[layer](x, encoder_hidden_states=text).sample if unit > 1 else x


def by_hand(
    pipe: Any,
    latents: Any,
    *,
    deep_calls: Sequence[int],
    branch: int,
    forecast: Forecast,
    guidance: float = 7.5,
) -> Any:
    """The reuse rule as a plain loop over diffusers' modules and diffusers' scheduler."""
    scheduler: Any = DDIMScheduler.from_config(pipe.scheduler.config)
    scheduler.set_timesteps(STEPS)
    prompt, negative = pipe.encode_prompt("a cat", "cpu", 1, do_classifier_free_guidance=True)
    text = torch.cat([negative, prompt])
    unet, x = HandDrivenUNet(pipe.unet), torch.from_numpy(latents)
    features: list[Tensor] = []
    for call, t in enumerate(scheduler.timesteps):
        feature: Any = None
        if call not in deep_calls:
            weights = forecast_weights(forecast, call, deep_calls=deep_calls)
            feature = sum(w * f for w, f in zip(weights, reversed(features), strict=False))
        noise, fresh = unet.run(torch.cat([x, x]), float(t), text, branch=branch, feature=feature)
        if call in deep_calls:
            features.append(fresh)
        without, with_prompt = noise.chunk(2)
        x = scheduler.step(without + guidance * (with_prompt - without), t, x).prev_sample
    return x.numpy()


@pytest.mark.parametrize("branch", [0, 1, 2, 3])
@pytest.mark.parametrize("forecast", list(Forecast))
def test_every_branch_and_forecast_equals_diffusers_modules_driven_by_hand(
    pipeline: Pipeline, diffusers_pipeline: Any, latents: Any, branch: int, forecast: Forecast
) -> None:
    deep_calls = (0, 2, 3, 6, 8)
    with inference(diffusers_pipeline.unet):
        expected = by_hand(diffusers_pipeline, latents, deep_calls=deep_calls, branch=branch, forecast=forecast)
    deep = "calls:" + ",".join(map(str, deep_calls))

    assert relative_error(ours(pipeline, latents, deep=deep, branch=branch, forecast=forecast), expected) <= 1e-5


def test_reuse_changes_the_picture_and_the_branch_matters(pipeline: Pipeline, latents: Any) -> None:
    full = ours(pipeline, latents)
    cached = [ours(pipeline, latents, deep="every:5", branch=branch) for branch in (0, 1)]

    assert relative_error(cached[0], full) > 1e-4
    assert relative_error(cached[0], cached[1]) > 1e-5


def test_a_shallow_call_right_after_a_deep_one_at_the_same_input_is_the_full_unet(pipeline: Pipeline) -> None:
    """The graphs' own promise: fed with fresh features, the shallow pass makes the full noise."""
    errors = {name: graph.relative_error for name, graph in pipeline.bundle.manifest.graphs.items()}

    assert [name for name in errors if name.startswith("unet_shallow")] == [f"unet_shallow_{k}" for k in range(4)]
    assert max(errors.values()) <= 1e-5


def test_guidance_may_end_before_the_last_call(pipeline: Pipeline, latents: Any) -> None:
    request = Request(("a cat",), latents=latents)
    run = pipeline.denoise(request, pipeline.plan(STEPS, "every:4", scheduler="ddim", guided_calls=(0, 5)))
    always = pipeline.denoise(request, pipeline.plan(STEPS, "every:4", scheduler="ddim"))
    same = [relative_error(a.latents, b.latents) <= 1e-6 for a, b in zip(run, always, strict=True)]

    assert same == [True] * 6 + [False] * 4


def test_a_plan_may_use_another_branch_at_each_call(pipeline: Pipeline, latents: Any) -> None:
    spec = PlanSpec(deep="every:3", scheduler="ddim", steps=STEPS)
    plan, mixed = pipeline.compile(spec), pipeline.compile(msgspec.structs.replace(spec, branches={1: 1}))
    request = Request(("a cat",), latents=latents)

    result = pipeline.generate(request, mixed).latents

    assert np.isfinite(result).all()
    assert relative_error(result, pipeline.generate(request, plan).latents) > 1e-6
