"""Feature reuse as a plain loop over diffusers' own modules and scheduler, for UNets of any family."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Given:
    """What a UNet is given beside sample and timestep, for all rows of a call.

    Attributes:
        text: Encoded prompts; None for UNets that take none. Shape: [B, L, D].
        added: SDXL's pooled text and time ids, by diffusers' names.
        guidance: Embedded guidance; None for UNets that do not take it. Shape: [B, E].
        labels: Class of each image; None for UNets that take none. Shape: [B].
        beside: Mask and masked image, as further channels of the sample. Shape: [B, C, h, w].
        control: Of sample and timestep, what ControlNets add to each skip and to the middle.
    """

    text: Tensor | None
    added: Mapping[str, Tensor] = field(default_factory=dict)
    guidance: Tensor | None = None
    labels: Tensor | None = None
    beside: Tensor | None = None
    control: Callable[[Tensor, Tensor], tuple[list[Tensor], Tensor]] | None = None


@dataclass(frozen=True, slots=True)
class HandDrivenUNet:
    """A UNet's modules, called one by one.

    Each resnet of the down path, with its attention, and each downsampler makes one skip, as conv_in does. Each resnet
    of the up path eats one.
    """

    unet: Any

    def run(self, sample: Tensor, t: Tensor, given: Given, *, branch: int, feature: Tensor | None) -> Any:
        """The noise and the feature of ``branch``; given one, nothing behind it is computed."""
        unet, time, text = self.unet, self._time(sample, t, given), given.text
        units = list(self._up_units())
        count = len(units) if feature is None else branch + 1
        whole = sample if given.beside is None else torch.cat([sample, given.beside], dim=1)
        skips = self._down(whole, time, text, count=count)
        last, middle = skips[-1], torch.zeros(1)
        if given.control is not None:
            added, middle = given.control(sample, t)
            skips = [skip + more for skip, more in zip(skips, added, strict=False)]
        told = {} if text is None else {"encoder_hidden_states": text}
        x = unet.mid_block(last, time, **told) + middle if feature is None else feature
        kept = None
        for skip in reversed(range(count)):
            kept = x if skip == branch else kept
            size = skips[max(skip - 1, 0)].shape[2:]
            x = units[len(units) - 1 - skip](torch.cat([x, skips[skip]], dim=1), time, text, size)
        return unet.conv_out(unet.conv_act(unet.conv_norm_out(x))), kept

    def _time(self, sample: Tensor, t: Tensor, given: Given) -> Tensor:
        unet = self.unet
        time: Tensor = unet.time_embedding(unet.time_proj(t.expand(len(sample)).float()), given.guidance)
        if given.labels is not None:
            time = time + unet.class_embedding(given.labels)
        if not given.added:
            return time
        ids = unet.add_time_proj(given.added["time_ids"].flatten()).reshape(len(sample), -1)
        added: Tensor = unet.add_embedding(torch.cat([given.added["text_embeds"], ids], dim=-1))
        return time + added

    def _down(self, sample: Tensor, time: Tensor, text: Tensor | None, *, count: int) -> list[Tensor]:
        skips = [self.unet.conv_in(sample)]
        for step in self._down_steps():
            if len(skips) == count:
                break
            skips.append(step(skips[-1], time, text))
        return skips

    def _down_steps(self) -> Iterator[Callable[[Tensor, Tensor, Tensor | None], Tensor]]:
        for block in self.unet.down_blocks:
            yield from _units(block)
            yield from (_sampler(each) for each in block.downsamplers or ())

    def _up_units(self) -> Iterator[Callable[[Tensor, Tensor, Tensor | None, torch.Size], Tensor]]:
        """Each also takes the size of the next skip, to which an upsampler goes."""
        for block in self.unet.up_blocks:
            *first, last = _units(block)
            yield from (_then(each, ()) for each in first)
            yield _then(last, block.upsamplers or ())


def _units(block: Any) -> Iterator[Callable[[Tensor, Tensor, Tensor | None], Tensor]]:
    attentions = getattr(block, "attentions", [None] * len(block.resnets))
    for resnet, attention in zip(block.resnets, attentions, strict=True):
        yield lambda x, time, text, resnet=resnet, attention=attention: (  # type: ignore[misc]
            _attended(attention, resnet(x, time), text)
        )


def _attended(attention: Any, x: Tensor, text: Tensor | None) -> Any:
    if attention is None:
        return x
    return attention(x) if text is None else attention(x, encoder_hidden_states=text).sample


def _sampler(module: Any) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    return lambda x, _time, _text: module(x)


def _then(
    unit: Callable[[Tensor, Tensor, Tensor | None], Tensor], samplers: Any
) -> Callable[[Tensor, Tensor, Tensor | None, torch.Size], Tensor]:
    def run(x: Tensor, time: Tensor, text: Tensor | None, size: torch.Size) -> Tensor:
        x = unit(x, time, text)
        for sampler in samplers:
            x = sampler(x, size)
        return x

    return run


def denoise_by_hand(
    unet: Any,
    scheduler: Any,
    given: Given,
    *,
    latents: Tensor,
    steps: int,
    guidance: float,
    every: int,
    branch: int,
    after: Callable[[int, Tensor], Tensor] = lambda _call, x: x,
    generators: Sequence[torch.Generator] = (),
) -> Any:
    """Final latents with a deep call at every ``every``-th one, whose feature the others hold.

    ``after`` changes the latents after each call. ``generators`` draw a scheduler's noise, one for each image; without
    them seed 0 does.
    """
    scheduler.set_timesteps(steps)
    driven, x, feature = HandDrivenUNet(unet), latents * scheduler.init_noise_sigma, None
    generator = list(generators) or torch.Generator().manual_seed(0)
    options = {"generator": generator} if "generator" in scheduler.step.__code__.co_varnames else {}
    rows = 1 if given.text is None else len(given.text) // len(latents)
    for call, t in enumerate(scheduler.timesteps):
        sample = scheduler.scale_model_input(torch.cat([x] * rows), t)
        is_deep = call % every == 0
        noise, made = driven.run(sample, t, given, branch=branch, feature=None if is_deep else feature)
        feature = made if is_deep else feature
        if rows == 2:
            without, with_prompt = noise.chunk(2)
            noise = without + guidance * (with_prompt - without)
        x = after(call, scheduler.step(noise, t, x, **options, return_dict=False)[0])
    return x.numpy()
