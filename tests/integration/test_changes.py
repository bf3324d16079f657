"""A model with all that people add to one: our latents and pixels are those of diffusers with the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from PIL import Image
from safetensors.torch import save_file
from tests.bundles import family_source, kept_source
from tests.command import accel
from tests.exporter.families import load_family
from tests.exporter.loras import ALPHA, RANK, module, random_matrices, write_kohya, write_peft
from tests.exporter.original import vae_names, write_checkpoint
from tests.exporter.pipelines import load_in_diffusers, tiny_vae
from tests.integration.both import drawn, expected, seeds
from tests.kept import kept

from accel_exporter.check import relative_error
from accel_runtime import Pipeline, Request, open_bundle

CLOSE = 1e-5
SCALE = 0.3
WORD = "<cat>"
PROMPT, NEGATIVE = f"a {WORD}", f"{WORD} b"
PICTURE = np.random.default_rng(2).integers(0, 256, (16, 24, 3), dtype=np.uint8)
UNET = ("down_blocks.1.resnets.0.conv1", "mid_block.attentions.0.transformer_blocks.0.attn2.to_k")
TEXT = ("text_model.encoder.layers.0.mlp.fc2",)
WIDTHS = {"text_encoder": 16, "text_encoder_2": 24}
SKIP = 1
AUTOENCODER: Any = AutoencoderTiny


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """The same model twice."""

    ours: Pipeline
    theirs: Any


def vectors(part: str) -> torch.Tensor:
    return torch.randn(2, WIDTHS[part], generator=torch.Generator().manual_seed(4))


def tiny_autoencoder() -> Any:
    """Of as many levels as the pipeline's own, and with a scaling factor of its own."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(5)
        sizes: Mapping[str, Any] = {"encoder_block_out_channels": (8, 8), "decoder_block_out_channels": (8, 8)}
        return AUTOENCODER(**sizes, num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1), scaling_factor=0.7)


def other_vae() -> AutoencoderKL:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(6)
        return tiny_vae()


def in_diffusers(family: str) -> Any:
    return load_in_diffusers(kept_source()) if family == "sd15" else load_family(family_source(family))


def matrices(pipe: Any) -> Any:
    parts = ["text_encoder", *(["text_encoder_2"] if hasattr(pipe, "text_encoder_2") else [])]
    models = {"unet": pipe.unet, **{part: getattr(pipe, part) for part in parts}}
    return random_matrices(models, {"unet": UNET, **dict.fromkeys(parts, TEXT)})


@torch.no_grad()
def changed_in_diffusers(family: str) -> Any:
    """By functions of diffusers, but for the LoRA: without peft it fuses none, so that is done by the definition."""
    pipe = in_diffusers(family)
    # diffusers 0.42.1 looks for it when it skips layers, and newer versions of transformers have it no longer.
    vars(pipe.text_encoder).setdefault("text_model", pipe.text_encoder)
    for part, pairs in matrices(pipe).items():
        for name, pair in pairs.items():
            weight = module(getattr(pipe, part), name).weight
            weight += SCALE * ALPHA / RANK * pair.difference(weight)
    pipe.load_textual_inversion({WORD: vectors("text_encoder")})
    if family == "sdxl":
        second = {"text_encoder": pipe.text_encoder_2, "tokenizer": pipe.tokenizer_2}
        pipe.load_textual_inversion({WORD: vectors("text_encoder_2")}, **second)
    pipe.vae = other_vae() if family == "sdxl" else tiny_autoencoder()
    return pipe


def write_bundle(family: str, folder: Path) -> None:
    """All changes as files, and the bundle that `accel export` makes with them of a checkpoint without a VAE."""
    folder.mkdir()
    pipe = in_diffusers(family)
    tensors = write_checkpoint(pipe, folder / "whole.ckpt")
    unfinished = {name: tensor for name, tensor in tensors.items() if not name.startswith("first_stage_model.")}
    save_file(unfinished, folder / "model.safetensors")
    if family == "sdxl":
        write_kohya(matrices(pipe), folder / "style.safetensors", text="lora_te1")
        save_file({"clip_l": vectors("text_encoder"), "clip_g": vectors("text_encoder_2")}, folder / "cat.safetensors")
        save_file(dict(vae_names(other_vae())), folder / "vae.safetensors")
    else:
        write_peft(matrices(pipe), folder / "style.safetensors")
        save_file({"any": vectors("text_encoder")}, folder / "cat.safetensors")
        tiny_autoencoder().save_pretrained(folder / "vae")
    config = kept_source() if family == "sd15" else family_source(family)
    changes = ["--lora", f"style.safetensors={SCALE}", "--embedding", f"cat.safetensors={WORD}", "--clip-skip", SKIP]
    changes += ["--vae", "vae.safetensors" if family == "sdxl" else "vae"]
    few = ["--schedulers", "ddim,euler", "--max-steps", 4, "--branches", 0]
    done = accel("export", "model.safetensors", "--config", config, *map(str, (*changes, *few)), cwd=folder)
    assert done.returncode == 0, done.stderr
    for file in ("whole.ckpt", "model.safetensors"):
        (folder / file).unlink()


@cache
def pair(family: str) -> Pair:
    folder = kept(f"changes-{family}", lambda folder: write_bundle(family, folder), facts=__doc__)
    return Pair(open_bundle(folder / "model-bundle"), changed_in_diffusers(family))


def request(**more: Any) -> Request:
    return Request((PROMPT,), negatives=(NEGATIVE,), seed=3, **more)


@pytest.mark.parametrize("scheduler", ["ddim", "euler"])
@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_the_prompt_skips_layers_the_negative_prompt_none_and_both_know_the_word(family: str, scheduler: str) -> None:
    both = pair(family)
    asked = {"prompt": PROMPT, "negative_prompt": NEGATIVE, "clip_skip": SKIP, "guidance_scale": 5.0}

    wanted = expected(both.theirs, scheduler, generator=seeds(1), **asked)

    assert relative_error(drawn(both.ours, scheduler, request(), guidance=5.0), wanted) <= CLOSE


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_pixels_are_those_of_the_other_autoencoder(family: str) -> None:
    both = pair(family)
    asked = {"prompt": PROMPT, "negative_prompt": NEGATIVE, "clip_skip": SKIP, "guidance_scale": 5.0}
    plan = both.ours.plan(4, scheduler="ddim", guidance=5.0)
    latents = torch.from_numpy(expected(both.theirs, "ddim", generator=seeds(1), **asked))

    with torch.no_grad():
        decoded = both.theirs.vae.decode(latents / both.theirs.vae.config.scaling_factor).sample
    wanted = both.theirs.image_processor.postprocess(decoded, output_type="np") * 255

    assert np.abs(both.ours.generate(request(), plan).images.astype(np.float64) - wanted).max() <= 1


def test_a_tiny_encoder_starts_from_a_picture_without_a_draw() -> None:
    from diffusers import StableDiffusionImg2ImgPipeline

    both, make = pair("sd15"), StableDiffusionImg2ImgPipeline
    pipe: Any = make(**both.theirs.components, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    asked = {"image": Image.fromarray(PICTURE), "prompt": PROMPT, "negative_prompt": NEGATIVE, "clip_skip": SKIP}

    wanted = expected(pipe, "ddim", generator=seeds(1), guidance_scale=5.0, strength=0.5, **asked)

    found = drawn(both.ours, "ddim", request(image=PICTURE, height=16, width=24), guidance=5.0, strength=0.5)
    assert relative_error(found, wanted) <= CLOSE


def test_the_bundle_says_what_it_was_made_of() -> None:
    provenance = pair("sd15").ours.bundle.manifest.provenance

    assert [(each.kind, each.name, each.scale, each.words) for each in provenance.adaptations] == [
        ("lora", "style.safetensors", SCALE, ()),
        ("embedding", "cat.safetensors", None, (WORD, f"{WORD}_1")),
        ("vae", "vae", None, ()),
    ]
    assert (provenance.source, provenance.options["clip_skip"]) == ("model.safetensors", SKIP)


def test_inspect_lists_the_changes(tmp_path: Path) -> None:
    done = accel("inspect", pair("sd15").ours.bundle.folder, cwd=tmp_path)

    assert (
        f"changed by lora style.safetensors × {SCALE}, embedding cat.safetensors {WORD} {WORD}_1, vae vae"
        in done.stdout
    )
