"""What a user brings to a bundle: prompts, plans, latents, pictures; and packages, as far as we read them."""

import io
import json
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
from PIL import Image
from tests.bundles import small_bundle
from tests.fuzz.containers import change_npy, change_png, change_zip
from tests.fuzz.formats import Format, Sample, place_alone
from tests.fuzz.mutate import NUMBERS, TEXTS, change_bytes, change_json
from tests.fuzz.outcome import digest, run_accel
from tests.runtime.plans.test_plan import table

from accel_runtime.backends.inductor_package import METADATA_KEY, read_metadata
from accel_runtime.plans.compile import compile_plan, resolve_plan
from accel_runtime.plans.file import encode_plan, read_plan
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.solved import SolvedFor, SolvedRow
from accel_runtime.plans.spec import PlanSpec

_DRAW: Final = ("generate", "--steps", "2", "--latents-out", "out.npy", "--force")
_SIZE: Final = ("--height", "64", "--width", "64")
_OPTIONS: Final = (
    (
        "--plan",
        ("full", "every:2", "every:3", "calls:0,1", "calls:0,3,7", "every:0", "every:-1", "every:1e9", "calls:"),
    ),
    ("--branch", ("0", "1", "2", "3", "-1", "9")),
    ("--forecast", ("hold", "linear", "quadratic")),
    ("--guided-calls", ("0-1", "1-0", "0-14", "5-", "-")),
    ("--guidance", ("1", "7.5", "0", "-3", "nan", "inf", "1e30")),
    ("--guidance-rescale", ("0", "0.5", "1", "2", "nan")),
    ("--steps", ("1", "2", "3", "7", "0", "-1")),
    ("--scheduler", ("ddim", "euler", "pndm", "heun", "nope")),
    ("--seed", ("0", "1", "-1", "18446744073709551615", "18446744073709551616")),
    ("--images-per-prompt", ("1", "2", "0", "-1", "1000000000")),
    ("--height", ("64", "72", "0", "-64", "1000000000", "256")),
    ("--width", ("64", "128", "65", "1000000000")),
    ("--negative", ("", "blue")),
)


def _options(_: bytes, rng: Random) -> bytes:
    """One to three options of `accel generate`, with sound and unsound values, as lines."""
    chosen = rng.sample(_OPTIONS, rng.choice((1, 1, 2, 3)))
    words = []
    for name, values in chosen:
        wild = (*map(str, NUMBERS), *(text for text in TEXTS if "\x00" not in text and "\n" not in text))
        words.append(f"{name}={rng.choice(values) if rng.random() < 0.8 else rng.choice(wild)}")
    return "\n".join(words).encode()


def _prompt(raw: bytes, rng: Random) -> bytes:
    """A prompt of other characters, of other lengths."""
    text = raw.decode()
    kind = rng.randrange(5)
    if kind == 0:
        text = "".join(chr(rng.choice((rng.randrange(32, 127), rng.randrange(1, 0xD800)))) for _ in range(40))
    elif kind == 1:
        text = rng.choice(TEXTS).replace("\x00", "") or " "
    elif kind == 2:
        text = rng.choice(("word ", "é", "🍎", "aa", "\u0301", " ")) * rng.choice((1, 80, 5000))
    elif kind == 3:
        text = "".join(rng.sample(text, len(text)))
    else:
        # As the shell of another locale gives it to Python.
        text = change_bytes(raw, rng).replace(b"\x00", b"").decode("utf-8", "surrogateescape")
    return text.encode("utf-8", "surrogateescape" if kind == 4 else "replace")


def _draw_prompt(folder: Path) -> str:
    text = (folder / "prompt").read_bytes().decode("utf-8", "surrogateescape")
    return run_accel(folder, *_DRAW, *_SIZE, str(small_bundle()), "--", text, result="out.npy")


def _draw_negative(folder: Path) -> str:
    text = (folder / "prompt").read_bytes().decode("utf-8", "surrogateescape")
    return run_accel(folder, *_DRAW, *_SIZE, str(small_bundle()), "a", f"--negative={text}", result="out.npy")


def _draw_options(folder: Path) -> str:
    words = (folder / "options").read_text().split("\n")
    return run_accel(folder, *_DRAW, str(small_bundle()), "a red apple", *words, result="out.npy")


def _draw_latents(folder: Path) -> str:
    words = ("--latents-in", "latents.npy")
    return run_accel(folder, *_DRAW, str(small_bundle()), "a", *words, *_SIZE, result="out.npy")


def _draw_picture(folder: Path) -> str:
    words = ("--image", "picture", "--strength", "0.6")
    return run_accel(folder, *_DRAW, *_SIZE, str(small_bundle()), "a", *words, result="out.npy")


def _read_package(folder: Path) -> str:
    return digest(repr(read_metadata(folder / "package.pt2")).encode())


def _latents() -> Sequence[Sample]:
    values = np.random.default_rng(0).standard_normal((1, 4, 32, 32), np.float32)
    kept = []
    for dtype in (np.float32, np.float16, np.float64):
        raw = io.BytesIO()
        np.save(raw, values.astype(dtype))
        kept.append(Sample("latents.npy", raw.getvalue()))
    return tuple(kept)


def _pictures() -> Sequence[Sample]:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    made = []
    for form, mode in (("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("JPEG", "RGB"), ("WEBP", "RGB"), ("GIF", "P")):
        raw = io.BytesIO()
        Image.fromarray(pixels).convert(mode).save(raw, format=form)
        made.append(Sample("picture", raw.getvalue()))
    return tuple(made)


def _change_picture(raw: bytes, rng: Random) -> bytes:
    return change_png(raw, rng)


@cache
def _packages() -> Sequence[Sample]:
    """A package as `read_metadata` sees it; the code in one is never run here, for it is native code."""
    terms = {
        "device": "cpu",
        "torch": "2.13.0",
        "instructions": "AVX2",
        "weights": "weights.safetensors",
        "inputs": ["sample"],
        "outputs": ["out_sample"],
        "constants": {"w": {"dtype": "float32", "shape": [4, 4]}},
    }
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("data/aotinductor/model/x_metadata.json", json.dumps({METADATA_KEY: json.dumps(terms)}))
        archive.writestr("data/aotinductor/model/x.so", b"\x7fELF" + bytes(200))
    return (Sample("package.pt2", raw.getvalue()),)


def _plan_files() -> Sequence[Sample]:
    weighed = PlanSpec(deep=(0, 2), branches={1: 1}, weights={3: (1.5, -0.5)}, guided_calls=(0, 2), steps=4)
    rows = {0: SolvedRow(a=(0.9,), b=(-0.4,)), 2: SolvedRow(a=(0.9, 0.1), b=(-0.3, 0.1))}
    solved_for = SolvedFor(model="c0" * 32, guidance=7.5, height=64, width=64)
    solved = PlanSpec(deep=(0, 2), skip=(1, 3), rows=rows, scheduler="toy", steps=4, solved_for=solved_for)
    plans = (PlanSpec(deep="every:2", forecast=Forecast.LINEAR), weighed, solved)
    return tuple(Sample("plan.json", encode_plan(spec)) for spec in plans)


def _compile_plan(folder: Path) -> str:
    """Read the plan, and compile it on a schedule of its steps."""
    spec = read_plan(folder / "plan.json")
    schedule = table(spec.steps or 4)
    return digest(repr((resolve_plan(spec, schedule), compile_plan(spec, schedule, guidance=7.5))).encode())


REQUESTS: Final = (
    Format("plan", 8, lambda: (Sample("options", b"--plan=full"),), _options, place_alone, (_draw_options,)),
    Format("plan file", 8, _plan_files, change_json, place_alone, (_compile_plan,)),
    Format(
        "prompt",
        8,
        lambda: (Sample("prompt", b"a red apple on a table"),),
        _prompt,
        place_alone,
        (_draw_prompt, _draw_negative),
    ),
    Format("latents", 8, _latents, change_npy, place_alone, (_draw_latents,)),
    Format("picture", 8, _pictures, _change_picture, place_alone, (_draw_picture,)),
    Format("package", 6, _packages, change_zip, place_alone, (_read_package,)),
)
