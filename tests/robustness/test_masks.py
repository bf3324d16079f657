"""A mask on the command line: any mode and size of a picture, and one line for what cannot be drawn."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.bundles import family_bundle, small_bundle
from tests.command import accel, assert_refused
from tests.integration.inpainting import CAT, MASK, PICTURE

from accel_runtime import Request, open_bundle
from accel_runtime.errors import InputError

DRAW = ("a cat", "--steps", "2", "--scheduler", "ddim", "--image", "in.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a picture, a mask, one of another size, and a black one."""
    Image.fromarray(PICTURE).save(tmp_path / "in.png")
    Image.fromarray(MASK).save(tmp_path / "mask.png")
    Image.fromarray(MASK[:8]).save(tmp_path / "small.png")
    Image.fromarray(MASK // 2).save(tmp_path / "black.png")
    return tmp_path


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
def test_a_mask_of_any_mode_is_halved_at_one_half(folder: Path, mode: str) -> None:
    halved = np.where(MASK >= 128, np.uint8(255), np.uint8(0))
    Image.fromarray(halved).convert(mode).save(folder / "mode.png")

    done = accel("generate", small_bundle(), *DRAW, "--mask", "mode.png", "--latents-out", "out.npy", cwd=folder)

    assert done.returncode == 0, done.stderr
    pipeline = open_bundle(small_bundle())
    wanted = pipeline.generate(replace(CAT, seed=0), pipeline.plan(2, scheduler="ddim")).latents
    np.testing.assert_array_equal(np.load(folder / "out.npy"), wanted)


def test_a_mask_is_scaled_with_its_picture(folder: Path) -> None:
    for name, values in (("in.png", PICTURE), ("mask.png", MASK)):
        Image.fromarray(values).resize((72, 48), Image.Resampling.NEAREST).save(folder / name)

    done = accel("generate", small_bundle(), *DRAW, "--mask", "mask.png", "--height", "16", "--width", "24", cwd=folder)

    assert done.returncode == 0, done.stderr


BAD: dict[str, tuple[tuple[str, ...], str]] = {
    "another size": (("--mask", "small.png"), "small.png: expected a mask of 24×16 pixels, as in.png has, got 24×8"),
    "no white": (("--mask", "black.png"), "black.png: expected a mask with white where the picture is to be drawn"),
    "not there": (("--mask", "none.png"), "none.png: not a picture"),
    "two calls a step": (("--mask", "mask.png", "--scheduler", "heun"), "heun cannot put a picture under the noise"),
    "no strength": (("--mask", "mask.png", "--strength", "0"), "strength: expected more than 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_mask_is_one_line(folder: Path, case: str) -> None:
    options, message = BAD[case]

    assert_refused(accel("generate", small_bundle(), *DRAW, *options, cwd=folder), message)


def test_a_mask_needs_a_picture(folder: Path) -> None:
    done = accel("generate", small_bundle(), "a cat", "--mask", "mask.png", cwd=folder)

    assert_refused(done, "--mask is for --image: add the picture to start from")


def test_a_model_that_fills_in_masks_needs_one(folder: Path) -> None:
    refused = accel("generate", family_bundle("inpaint"), *DRAW, cwd=folder)

    assert_refused(refused, "mask: the model fills in a masked picture: expected an image and a mask, got none")


FRACTIONS: Any = MASK / 255
REQUESTS: dict[str, tuple[str, Request, str]] = {
    "no image": ("inpaint", replace(CAT, image=None, height=16, width=24), "mask: expected an image beside it"),
    "a mask of another size": ("inpaint", replace(CAT, mask=MASK[:8]), r"mask: expected uint8 \[16, 24\]"),
    "a mask of other numbers": ("inpaint", replace(CAT, mask=FRACTIONS), "mask: expected uint8"),
    "three masks for one picture": ("inpaint", replace(CAT, mask=np.stack([MASK] * 3)), "or 1 of them"),
    "no encoder": ("lcm", replace(CAT), "image: the bundle has no encoder"),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_a_bad_request_is_one_line(case: str) -> None:
    family, request, message = REQUESTS[case]
    pipeline = open_bundle(family_bundle(family))

    with pytest.raises(InputError, match=message) as caught:
        pipeline.generate(request, pipeline.plan(2, guidance=5.0))

    assert "\n" not in str(caught.value)
