"""The bundle in optimum: its pipelines load the folder and draw our latents."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from tests.bundles import family_bundle, small_bundle

from accel_bench.base.process import run_code
from accel_bench.peers import parse_peer
from accel_bench.peers.environments import environ, python_of, where
from accel_exporter.check import relative_error
from accel_runtime import Request, open_bundle

STEPS: Final = 4
GUIDANCE: Final = 5.0
SEED: Final = 3
HEIGHT, WIDTH = 16, 24
# Runs in optimum's environment, which has neither accel nor its tests.
SCRIPT: Final = f"""
import sys
import numpy, torch
from diffusers import DDIMScheduler
from PIL import Image
from optimum import onnxruntime

kind, folder, given, drawn = sys.argv[1:]
given = dict(numpy.load(given))
pipe = getattr(onnxruntime, kind).from_pretrained(folder, export=False)
pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
pictures = {{name: Image.fromarray(given[name]) for name in ("image", "mask_image") if name in given}}
if pictures:
    pictures |= {{"strength": 1.0, "generator": torch.Generator().manual_seed({SEED})}}
made = pipe(
    "a cat", negative_prompt="fog", num_inference_steps={STEPS}, guidance_scale={GUIDANCE}, height={HEIGHT},
    width={WIDTH}, latents=torch.from_numpy(given["latents"]), output_type="latent", **pictures,
)
latents = made.images
numpy.save(drawn, latents.numpy() if hasattr(latents, "numpy") else latents)
"""
RANDOM = np.random.default_rng(5)
LATENTS = RANDOM.standard_normal((1, 4, HEIGHT // 2, WIDTH // 2)).astype(np.float32)
PICTURE = RANDOM.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
MASK = RANDOM.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
CAT = Request(("a cat",), negatives=("fog",), seed=SEED, latents=LATENTS, height=HEIGHT, width=WIDTH)
MASKED = replace(CAT, image=PICTURE, mask=MASK)

MODELS: Final[dict[str, tuple[str, str, Request]]] = {
    "Stable Diffusion": ("small", "ORTStableDiffusionPipeline", CAT),
    "SDXL": ("sdxl", "ORTStableDiffusionXLPipeline", CAT),
    "inpainting": ("inpaint", "ORTStableDiffusionInpaintPipeline", MASKED),
}


@pytest.fixture(scope="module")
def python() -> Path:
    """Optimum's environment."""
    kind = parse_peer("optimum").kind
    if where(kind) == "missing":
        pytest.skip(f"no environment: accel peers install {kind.name}")
    return python_of(kind)


@pytest.mark.parametrize("model", MODELS)
def test_optimum_loads_the_folder_and_draws_our_latents(model: str, python: Path, tmp_path: Path) -> None:
    name, kind, request = MODELS[model]
    folder = small_bundle() if name == "small" else family_bundle(name)
    pictures: dict[str, Any] = {} if request.mask is None else {"image": PICTURE, "mask_image": MASK}
    np.savez(tmp_path / "given.npz", latents=LATENTS, **pictures)

    made = in_optimum(python, kind, folder, tmp_path)

    ours = open_bundle(folder)
    plan = ours.plan(STEPS, scheduler="ddim", guidance=GUIDANCE)
    assert relative_error(made, ours.generate(request, plan).latents) <= 1e-5


def in_optimum(python: Path, kind: str, folder: Path, place: Path) -> Any:
    """Final latents of optimum's pipeline of that class."""
    words = [*run_code(SCRIPT, python=python), kind, str(folder), str(place / "given.npz"), str(place / "drawn.npy")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environ(), cwd=place)
    assert done.returncode == 0, done.stderr
    return np.load(place / "drawn.npy")
