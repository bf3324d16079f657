"""Draw a picture with torch and diffusers alone, by one config of a profile."""

# (header)

import argparse
from collections.abc import Iterable, Sequence
from math import prod
from pathlib import Path
from time import perf_counter
from typing import Any

import diffusers
import torch
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor, nn

# (settings)
PROMPT = "red apple on a blue background"
NEGATIVE = ""
MODEL: str | None = None
VARIANT: str | None = None
DTYPE = "fp32"
WIDTH, HEIGHT = 64, 64
BATCH = 1
SCHEDULER_CLASS = "DDIMScheduler"
SCHEDULER_OPTIONS: dict[str, object] = {}
ETA = 0.0
STEPS = 20
GUIDANCE = 7.5
GUIDED_CALLS: Sequence[int] = range(40)
DEEP_CALLS: Sequence[int] = range(0, 40, 3)
BRANCH = 0
HISTORY = 1
FORECAST_WEIGHTS: dict[int, tuple[float, ...]] = {}
INIT_NOISE_SIGMA = 1.0
ROWS: Sequence[tuple[float, float, tuple[float, ...], tuple[float, ...]]] = ()
TOME = 0.5
GATE = 20
KEEPING = 18
# (end)

GUIDED = GUIDANCE > 1

# A UNet in units. Each unit of the down path makes one skip, as conv_in does; each unit
# of the up path joins one skip, the last first, to what comes from below. In branch k,
# what comes from below to skip k is the feature: all that is deeper lies behind it.
Unit = list[nn.Module]


def down_units(unet: Any) -> list[Unit]:
    """Every resnet with its attention, and every downsampler."""
    units = []
    for block in unet.down_blocks:
        units += pairs(block)
        units += [[downsampler] for downsampler in block.downsamplers or ()]
    return units


def up_units(unet: Any) -> list[Unit]:
    """Every resnet with its attention; an upsampler belongs to the unit before it."""
    units = []
    for block in unet.up_blocks:
        units += pairs(block)
        units[-1] += block.upsamplers or ()
    return units


def pairs(block: Any) -> list[Unit]:
    """The resnets of a block, each with its attention where the block has any."""
    if not hasattr(block, "attentions"):
        return [[resnet] for resnet in block.resnets]
    return [list(pair) for pair in zip(block.resnets, block.attentions, strict=True)]


def run(unit: Unit, x: Tensor, time: Tensor, text: Tensor) -> Tensor:
    """One unit; resnets are told the time, attentions the prompt."""
    for module in unit:
        if isinstance(module, ResnetBlock2D):
            x = module(x, time)
        elif isinstance(module, Transformer2DModel):
            (x,) = module(x, encoder_hidden_states=text, return_dict=False)
        else:
            x = module(x)
    return x


def go_down(
    x: Tensor, units: Iterable[Unit], time: Tensor, text: Tensor
) -> list[Tensor]:
    """The skips that the units make of conv_in's output, which is the first."""
    skips = [x]
    for unit in units:
        skips.append(run(unit, skips[-1], time, text))
    return skips


def go_up(
    x: Tensor, skips: list[Tensor], units: Sequence[Unit], time: Tensor, text: Tensor
) -> Tensor:
    """What comes out of the units when ``x`` comes in from below."""
    for unit, skip in zip(units, reversed(skips), strict=True):
        x = run(unit, torch.cat([x, skip], dim=1), time, text)
    return x


def deep(unet: Any, sample: Tensor, t: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
    """The whole UNet: the noise, and the feature for the shallow calls to come."""
    time = embed(unet, sample, t)
    skips = go_down(unet.conv_in(sample), down_units(unet), time, text)
    x = unet.mid_block(skips[-1], time, encoder_hidden_states=text)
    inner, outer = up_units(unet)[: -BRANCH - 1], up_units(unet)[-BRANCH - 1 :]
    feature = go_up(x, skips[BRANCH + 1 :], inner, time, text)
    x = go_up(feature, skips[: BRANCH + 1], outer, time, text)
    return to_noise(unet, x), feature


def shallow(
    unet: Any, sample: Tensor, t: Tensor, text: Tensor, feature: Tensor
) -> Tensor:
    """The outermost units alone: the noise, given a feature in place of all below."""
    time = embed(unet, sample, t)
    skips = go_down(unet.conv_in(sample), down_units(unet)[:BRANCH], time, text)
    x = go_up(feature, skips, up_units(unet)[-BRANCH - 1 :], time, text)
    return to_noise(unet, x)


def embed(unet: Any, sample: Tensor, t: Tensor) -> Tensor:
    """The time as resnets are told it."""
    time: Tensor = unet.time_embedding(unet.get_time_embed(sample=sample, timestep=t))
    return time


def to_noise(unet: Any, x: Tensor) -> Tensor:
    """The last layers, which every call runs."""
    noise: Tensor = unet.conv_out(unet.conv_act(unet.conv_norm_out(x)))
    return noise


def forecast(call: int, past: list[tuple[int, Tensor]]) -> Tensor:
    """The feature of a shallow call: a weighted sum of the last deep ones.

    Without weights of its own, a polynomial through the last HISTORY of them, read off
    at this call; one feature is simply held.
    """
    nodes = [deep_call for deep_call, _ in past[:HISTORY]]
    weights = FORECAST_WEIGHTS.get(call) or [
        prod((call - other) / (node - other) for other in nodes if other != node)
        for node in nodes
    ]
    terms = [weight * feature for weight, (_, feature) in zip(weights, past)]
    return torch.stack(terms).sum(dim=0)


# (only gating)
def gate(unet: Any, call: int, *, guided: bool) -> None:
    """Tell the attentions what to do at a call, by the package tgate.

    At call KEEPING, cross-attentions keep the mean of what they give for both halves.
    From call GATE on they give that again.
    """
    from tgate.tgate_utils import register_forward

    register_forward(
        unet,
        "Attention",
        keep_shape=not (call == KEEPING and guided),
        ca_kward={"cache": call == KEEPING, "reuse": call >= GATE},
        sa_kward={"cache": False, "reuse": False},
    )


# (end gating)
# (only solved)
class SolvedScheduler:
    """A solved plan's rows, in place of a scheduler of diffusers.

    A call's row takes the latents to the next call, over all that the plan skips. They
    are a weighted sum of the last latents and noises, newest first.
    """

    order = 1
    init_noise_sigma = INIT_NOISE_SIGMA

    def set_timesteps(self, steps: int, device: Any = None) -> None:
        """Begin a picture; the rows say themselves how many calls there are."""
        self.timesteps = torch.tensor([row[0] for row in ROWS], device=device)
        self.latents: list[Tensor] = []
        self.noises: list[Tensor] = []

    def scale_model_input(self, sample: Tensor, t: Any) -> Tensor:
        """What the UNet is given."""
        _, scale, _, _ = ROWS[len(self.noises)]
        return sample * scale

    def step(
        self, noise: Tensor, t: Any, latents: Tensor, return_dict: bool = False
    ) -> tuple[Tensor]:
        """The latents at the next call that runs, always as a tuple."""
        _, _, of_latents, of_noises = ROWS[len(self.noises)]
        self.latents, self.noises = [latents, *self.latents], [noise, *self.noises]
        terms = [*zip(of_latents, self.latents), *zip(of_noises, self.noises)]
        made = torch.stack([weight * term for weight, term in terms]).sum(dim=0)
        return (made,)


# (end solved)
def denoise(
    pipe: Any, latents: Tensor, text: Tensor, options: dict[str, Any]
) -> Tensor:
    """The loop: one deep or shallow call of the UNet after the other."""
    unet, scheduler = pipe.unet, pipe.scheduler
    scheduler.set_timesteps(STEPS, device=latents.device)
    latents = latents * scheduler.init_noise_sigma
    past: list[tuple[int, Tensor]] = []
    for call, t in enumerate(pipe.progress_bar(scheduler.timesteps)):
        guided = GUIDED and call in GUIDED_CALLS
        sample = torch.cat([latents, latents]) if guided else latents
        sample = scheduler.scale_model_input(sample, t).to(unet.dtype)
        # The prompt's half is the last; a call without guidance takes it alone.
        rows = slice(-len(sample), None)
        # (only gating)
        gate(unet, call, guided=guided)
        # (end gating)
        if call in DEEP_CALLS:
            noise, feature = deep(unet, sample, t, text[rows])
            past = [(call, feature), *past[:2]]
        else:
            feature = forecast(call, [(node, made[rows]) for node, made in past])
            noise = shallow(unet, sample, t, text[rows], feature)
        noise = noise.float()
        if guided:
            without, with_prompt = noise.chunk(2)
            noise = without + GUIDANCE * (with_prompt - without)
        latents = scheduler.step(noise, t, latents, return_dict=False, **options)[0]
    return latents


@torch.no_grad()
def draw(pipe: Any, prompt: str, negative: str, seed: int) -> Any:
    """Prompt to pictures; image i has the noise of seed + i, from the processor."""
    device = pipe.unet.device
    prompted, without = pipe.encode_prompt(
        prompt, device, BATCH, GUIDED, negative_prompt=negative
    )
    text = torch.cat([without, prompted]) if GUIDED else prompted
    generators = [torch.Generator().manual_seed(seed + i) for i in range(BATCH)]
    scale = pipe.vae_scale_factor
    shape = (BATCH, pipe.unet.config.in_channels, HEIGHT // scale, WIDTH // scale)
    noise = randn_tensor(shape, generator=generators, device=device)
    options = pipe.prepare_extra_step_kwargs(generators, ETA)
    latents = denoise(pipe, noise, text.to(pipe.unet.dtype), options)
    pixels = pipe.vae.decode(latents / pipe.vae.config.scaling_factor).sample
    return pipe.image_processor.postprocess(pixels, output_type="pil")


def load(model: str, variant: str | None, device: str) -> Any:
    """The pipeline with the config's scheduler; VAE and latents stay fp32."""
    kind = diffusers.DiffusionPipeline.load_config(model)["_class_name"]
    if not kind.startswith(("StableDiffusionPipeline", "StableDiffusionImg2Img")):
        raise SystemExit(f"{model}: a {kind}: this drives StableDiffusionPipeline")
    pipe = diffusers.StableDiffusionPipeline.from_pretrained(
        model, variant=variant, dtype=torch.float32, safety_checker=None
    )
    # (only plain)
    scheduler = getattr(diffusers, SCHEDULER_CLASS)
    own = pipe.scheduler
    kept = SCHEDULER_OPTIONS.items() <= dict(own.config).items()
    if not (kept and type(own) is scheduler):
        pipe.scheduler = scheduler.from_config(own.config, **SCHEDULER_OPTIONS)
    # (end plain)
    # (only solved)
    pipe.scheduler = SolvedScheduler()
    # (end solved)
    # (only merging)
    from tomesd import apply_patch

    # The token that others are merged into is drawn by default; here it is fixed. Sizes
    # are told by hand, as the UNet's blocks are called one by one.
    apply_patch(pipe, ratio=TOME, use_rand=False)
    scale = pipe.vae_scale_factor
    pipe.unet._tome_info["size"] = (HEIGHT // scale, WIDTH // scale)
    # (end merging)
    if DTYPE != "fp32" and device != "cpu":
        dtype = {"fp16": torch.float16, "bf16": torch.bfloat16}[DTYPE]
        pipe.unet.to(dtype)
        pipe.text_encoder.to(dtype)
    return pipe.to(device)


def main() -> None:
    """Draw, write PNG files, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt", nargs="?", default=PROMPT)
    parser.add_argument("--negative", default=NEGATIVE, help="what not to draw")
    parser.add_argument("--seed", type=int, default=0, help="image i has seed + i")
    parser.add_argument("--output", type=Path, default=Path("image.png"))
    parser.add_argument("--model", default=MODEL, required=MODEL is None)
    parser.add_argument("--variant", default=VARIANT, help="of the weights' files")
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu"
    )
    arguments = parser.parse_args()

    pipe = load(arguments.model, arguments.variant, arguments.device)
    started = perf_counter()
    images = draw(pipe, arguments.prompt, arguments.negative, arguments.seed)
    seconds = perf_counter() - started

    output: Path = arguments.output
    for i, image in enumerate(images):
        path = output if BATCH == 1 else output.with_stem(f"{output.stem}-{i}")
        image.save(path)
        print(path)
    print(f"{seconds:.3f} s")


if __name__ == "__main__":
    main()
