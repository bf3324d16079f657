"""What steers a picture beside its prompt: masks, control images, framing, classes, clip skip and added words."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.bundles import family_bundle
from tests.cpp.binding import INPUT, Asked, Library, LibraryError
from tests.cpp.both import Both
from tests.cpp.build import Built
from tests.cpp.bundles import changed_model

from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.request import Control, Framing

STEPS = 4
SIDES = (16, 24)
CAT = Asked(("a cat",), guidance=5.0, seed=3, negatives=("blue",))


def spec_of(scheduler: str, **parts: Any) -> PlanSpec:
    return PlanSpec(deep="every:2", branch=1, forecast=Forecast.LINEAR, steps=STEPS, scheduler=scheduler, **parts)


def picture(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def mask(images: int = 1) -> Any:
    """One for each image, with both kinds of cells and levels on both sides of white."""
    levels = np.zeros((images, *SIDES), np.uint8)
    levels[:, 2:9, 4:] = 128
    levels[-1, 9:, :] = 127
    return levels


@pytest.fixture
def opened(library: Library, cpp: Built) -> Iterator[Callable[[Path], Both]]:
    all_opened: list[Both] = []

    def open_both(folder: Path) -> Both:
        all_opened.append(Both.open(library, folder, onnxruntime=cpp.onnxruntime))
        return all_opened[-1]

    yield open_both
    for each in all_opened:
        each.close()


@pytest.mark.parametrize("strength", [1.0, 0.75])
@pytest.mark.parametrize("family", ["inpaint", "sdxl"])
def test_a_mask_is_filled_in_by_the_model_or_blended(
    opened: Callable[[Path], Both], *, family: str, strength: float
) -> None:
    both, prompts, image = opened(family_bundle(family)), ("a cat", "a dog"), picture(*SIDES, 3)
    scheduler = "ddim" if family == "inpaint" else "euler_a"
    for masks, images in ((mask(2), image), (mask()[0], picture(2, *SIDES, 3)), (mask()[0], image)):
        asked = Asked(prompts, guidance=5.0, seed=2, image=images, mask=masks, strength=strength)
        both.check_equal(spec_of(scheduler), asked)


def test_every_control_image_has_its_scale_and_its_calls(opened: Callable[[Path], Both]) -> None:
    both = opened(family_bundle("control"))
    first = Control(picture(*SIDES, 3), scale=0.7, end=0.6)
    second = Control(picture(2, *SIDES, 3, seed=1), scale=1.3, start=0.25)

    both.check_equal(spec_of("ddim"), Asked(("a cat", "a dog"), guidance=5.0, controls=(first, second)))
    both.check_equal(spec_of("euler_a"), Asked(("a cat",), guidance=1.0, controls=(first, first)))


def test_framing_is_told_to_both_halves(opened: Callable[[Path], Both]) -> None:
    both = opened(family_bundle("sdxl"))
    told = Framing((30, 40), crops_coords_top_left=(3, 5), target_size=(12, 20))
    negative = Framing((8, 9), crops_coords_top_left=(1, 2), target_size=(10, 11))
    image = {"image": picture(*SIDES, 3), "strength": 0.75}
    for parts in ({}, {"negative_framing": negative}, {"negative_framing": negative, **image}):
        both.check_equal(spec_of("euler"), Asked(("a cat",), guidance=5.0, framing=told, **parts))


def test_a_refiner_is_told_scores(opened: Callable[[Path], Both]) -> None:
    both = opened(family_bundle("refiner"))
    told = Framing((30, 40), crops_coords_top_left=(3, 5), aesthetic_score=7.5)
    start = {"image": picture(*SIDES, 3), "strength": 0.75, "guidance": 5.0}
    for negative in (None, Framing(aesthetic_score=-1.0)):
        both.check_equal(spec_of("euler"), Asked(("a cat",), framing=told, negative_framing=negative, **start))


@pytest.mark.parametrize("family", ["classes", "ldm"])
def test_a_model_without_prompts_draws_its_classes(opened: Callable[[Path], Both], family: str) -> None:
    both = opened(family_bundle(family))
    labels = (1, 4) if family == "classes" else ()

    both.check_equal(spec_of("ddim"), Asked(("", ""), seed=2, class_labels=labels))
    both.check_equal(spec_of("ddim"), Asked(("",), seed=2, images_per_prompt=2, class_labels=labels[:1]))


def test_a_prompt_skips_layers_and_its_words_have_several_vectors(
    opened: Callable[[Path], Both], library: Library
) -> None:
    both = opened(changed_model())
    for prompt in ("a <cat>", "<cat><cat> a", "A <CAT> and <cat>", "a cat <dog>s", "<cat>_1 b", "<cat>_1_1", "no word"):
        assert library.tokenize(both.bundle, prompt) == both.python.tokenize(prompt)[0].ids.tolist(), prompt

    both.check_equal(spec_of("ddim"), Asked(("a <cat>",), negatives=("<dog> b",), guidance=5.0))


def test_what_the_model_does_not_take_is_refused(opened: Callable[[Path], Both]) -> None:
    image, control = picture(*SIDES, 3), Control(picture(*SIDES, 3))
    cases = {
        "sd21": [
            (Asked(("a",), size=SIDES, mask=mask()), "mask: expected an image beside it"),
            (Asked(("a",), image=image, mask=mask()[:, :8]), r"mask: expected 1 or 1 of 16×24 pixels, got 1 of 8×24"),
            (Asked(("a",), controls=(control,)), "control: the model has no ControlNet"),
            (Asked(("a",), class_labels=(1,)), "class labels: the model takes none"),
            (Asked(("a",), framing=Framing()), "framing: the model takes no sizes"),
        ],
        "inpaint": [(Asked(("a",)), "mask: the model fills in a masked picture")],
        "control": [(Asked(("a",), controls=(control,)), "control: expected 2 images")],
        "sdxl": [
            (Asked(("a",), framing=Framing(aesthetic_score=6.0)), "framing: the model takes no aesthetic score"),
            (Asked(("a",), negative_framing=Framing()), "negative framing: expected an original and a target size"),
        ],
        "classes": [
            (Asked(("",)), "class labels: expected 1, one for each prompt, got 0"),
            (Asked(("",), class_labels=(5,)), "class label: expected 0 to 4, got 5"),
            (Asked(("a",), class_labels=(1,)), "prompt: the model takes none"),
            (Asked(("",), class_labels=(1,), guidance=2.0), "guidance: the model cannot be guided"),
        ],
    }
    for family, refused in cases.items():
        both = opened(family_bundle(family))
        for asked, text in refused:
            with pytest.raises(LibraryError, match=text) as failed:
                both.drawn_by_cpp(PlanSpec(deep="full", steps=STEPS), asked)
            assert failed.value.status == INPUT
