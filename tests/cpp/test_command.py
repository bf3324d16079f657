"""`accel-run`: its pictures are the library's, and what it cannot do is one line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.bundles import family_bundle
from tests.cpp.binding import Asked, Library
from tests.cpp.both import Both
from tests.cpp.build import Built, run
from tests.cpp.bundles import STEPS, many_schedulers

from accel_runtime.plans.spec import PlanSpec
from accel_runtime.request import Control

SIDE = 64
OPTIONS = ("--scheduler", "ddim", "--steps", STEPS, "--guidance", 4, "--seed", 3, "--threads", 1)
SPEC = PlanSpec(deep="full", scheduler="ddim", steps=STEPS)


def picture(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def drawn(path: Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image)


def test_the_command_draws_the_picture_of_the_library(cpp: Built, both: Both, tmp_path: Path) -> None:
    options = ("--plan", "every:2", *OPTIONS)
    command = (cpp.command, many_schedulers(), "owl", "--ort", cpp.onnxruntime, *options)

    done = run(*command, "-o", "owl.png", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    expected, _ = both.drawn_by_cpp(
        PlanSpec(deep="every:2", scheduler="ddim", steps=STEPS), Asked(("owl",), guidance=4.0, seed=3)
    )
    assert np.array_equal(drawn(tmp_path / "owl.png"), expected[0])
    assert [path.name for path in tmp_path.iterdir()] == ["owl.png"]
    again = run(*command, "--image", "owl.png", "--strength", 0.6, "-q", "-o", "again.png", folder=tmp_path)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


@pytest.mark.parametrize("strength", [(), ("--strength", 0.6)])
def test_the_command_draws_anew_where_a_mask_is_white(
    cpp: Built, both: Both, tmp_path: Path, strength: tuple[object, ...]
) -> None:
    image, mask = picture(SIDE, SIDE, 3), picture(SIDE, SIDE, 4, seed=1)
    mask[:32] = 0
    Image.fromarray(image).save(tmp_path / "image.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    files = ("--image", "image.png", "--mask", "mask.png", "-o", "out.png")

    done = run(
        cpp.command, many_schedulers(), "owl", "--ort", cpp.onnxruntime, *OPTIONS, *files, *strength, folder=tmp_path
    )

    assert done.returncode == 0, done.stderr
    levels = np.asarray(Image.fromarray(mask).convert("RGB").convert("L"))
    asked = Asked(("owl",), guidance=4.0, seed=3, image=image, mask=levels, strength=0.6 if strength else 1.0)
    assert np.array_equal(drawn(tmp_path / "out.png"), both.drawn_by_cpp(SPEC, asked)[0][0])


def test_the_command_gives_each_controlnet_its_image_and_its_numbers(
    cpp: Built, library: Library, tmp_path: Path
) -> None:
    folder, images = family_bundle("control"), [picture(16, 24, 3), picture(16, 24, 4, seed=1)]
    for name, image in zip("ab", images, strict=True):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    numbers = ("--control-scale", 0.7, "--control-scale", 1.3, "--control-end", 0.6)
    files = ("--control", "a.png", "--control", "b.png", *numbers, "-o", "out.png")

    done = run(cpp.command, folder, "cat", "--ort", cpp.onnxruntime, *OPTIONS, *files, folder=tmp_path)

    assert done.returncode == 0, done.stderr
    controls = (Control(images[0], scale=0.7, end=0.6), Control(images[1][..., :3], scale=1.3, end=0.6))
    opened = Both.open(library, folder, onnxruntime=cpp.onnxruntime)
    expected, _ = opened.drawn_by_cpp(SPEC, Asked(("cat",), guidance=4.0, seed=3, controls=controls))
    opened.close()
    assert np.array_equal(drawn(tmp_path / "out.png"), expected[0])


def test_the_command_refuses_in_one_line(cpp: Built, tmp_path: Path) -> None:
    command, bundle = cpp.command, many_schedulers()
    Image.new("RGB", (SIDE, SIDE), "red").save(tmp_path / "red.png")
    Image.new("L", (SIDE, SIDE), 127).save(tmp_path / "no-white.png")
    Image.new("L", (SIDE, 8), 255).save(tmp_path / "narrow.png")
    (tmp_path / "taken.png").mkdir()
    red, drawing = ("--image", "red.png"), ("--ort", cpp.onnxruntime, "--scheduler", "ddim", "--steps", STEPS, "-q")
    for arguments, code, text in (
        ((), 2, "expected a bundle and a prompt"),
        ((bundle,), 2, "expected a bundle and a prompt"),
        ((bundle, "a", "--colour"), 2, "unknown option --colour"),
        ((bundle, "a", "--steps"), 2, "--steps: expected a value"),
        ((bundle, "a", "--steps", "many"), 2, "--steps: expected a number, got 'many'"),
        ((bundle, "a", "--steps", "0"), 2, "steps: expected 1 to 1000, got 0"),
        ((bundle, "a", "--height", "64"), 2, "expected both or none"),
        ((bundle, "a", "--plan", "sometimes"), 2, "expected full, every:N"),
        ((bundle, "a", "--image", "none.png"), 1, "none.png: cannot be read"),
        ((bundle, "a", "--mask", "red.png"), 2, "--mask is for --image"),
        ((bundle, "a", "--strength", "0.5"), 2, "--strength is for --image"),
        ((bundle, "a", *red, "--mask", "none.png"), 1, "none.png: cannot be read"),
        ((bundle, "a", *red, "--mask", "no-white.png"), 1, "no-white.png: expected a mask with white"),
        ((bundle, "a", *red, "--mask", "narrow.png", *drawing), 2, "mask: expected 1 or 1 of 64×64 pixels"),
        ((bundle, "a", "--control-scale", "2"), 2, "--control-scale is for --control"),
        ((bundle, "a", "--control", "red.png", "--control-end", "high"), 2, "--control-end: expected a number"),
        (
            (bundle, "a", "--control", "red.png", "--control-end", "1", "--control-end", "1"),
            2,
            "--control-end: expected 1 number, or 1",
        ),
        ((bundle, "a", "--control", "red.png", "--control-start", "1"), 2, "expected a start before its end"),
        ((bundle, "a", "--control", "red.png", *drawing), 2, "control: the model has no ControlNet"),
        ((bundle, "a", "--ort", "none.so"), 1, "cannot load ONNX Runtime"),
        (("nowhere", "a"), 1, "not a bundle"),
        ((bundle, "a", *drawing, "-o", "no/x.png"), 1, "x.png"),
        ((bundle, "a", *drawing, "-o", "taken.png"), 1, "taken.png: cannot be written"),
    ):
        done = run(command, *arguments, folder=tmp_path)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1), done.stderr
        assert text in done.stderr
    assert run(command, "--help").stdout.startswith("usage: accel-run BUNDLE PROMPT")
    assert "ABI 1" in run(command, "--version").stdout
