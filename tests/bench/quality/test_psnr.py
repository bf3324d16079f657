"""PSNR and SSIM: picture against picture, pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio

from accel_bench.quality.psnr import psnr, squared_errors
from accel_bench.quality.reference import ssim

seeds = st.integers(0, 2**32 - 1)


def pictures(seed: int, *, count: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)


def disturbed(images: NDArray[np.uint8], amount: float, *, seed: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).standard_normal(images.shape) * amount
    return np.clip(images + noise, 0, 255).round().astype(np.uint8)


@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_identical_pictures_have_no_error_and_full_similarity(seed: int) -> None:
    images = pictures(seed)
    errors = squared_errors(images, images.copy())

    assert errors.tolist() == [0.0, 0.0, 0.0]
    assert psnr(errors.tolist()) is None
    assert ssim(images, images.copy()) == pytest.approx(1.0)


@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_more_noise_is_worse_by_both_measures(seed: int) -> None:
    images = pictures(seed)
    little, much = disturbed(images, 4, seed=seed), disturbed(images, 40, seed=seed)

    assert (squared_errors(little, images) < squared_errors(much, images)).all()
    assert (ssim(little, images) > ssim(much, images)).all()


@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_both_measures_are_symmetric_and_stay_with_their_picture(seed: int) -> None:
    images, others = pictures(seed), pictures(seed + 1)
    order = np.random.default_rng(seed).permutation(len(images))

    for measure in (squared_errors, ssim):
        found = measure(images, others)
        assert measure(others, images) == pytest.approx(found)
        assert measure(images[order], others[order]) == pytest.approx(found[order])


@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_psnr_is_that_of_scikit_image_over_all_pixels_of_all_pictures(seed: int) -> None:
    images, references = pictures(seed), pictures(seed + 1)
    errors = squared_errors(images, references).tolist()

    assert psnr(errors) == pytest.approx(peak_signal_noise_ratio(references, images, data_range=255))
    assert psnr(errors[:1]) == pytest.approx(peak_signal_noise_ratio(references[0], images[0], data_range=255))


def test_one_identical_picture_raises_the_mean_and_does_not_make_it_infinite() -> None:
    assert psnr([65.025, 0.0]) == pytest.approx(30 + 10 * np.log10(2))


def test_another_number_of_references_is_a_bug() -> None:
    with pytest.raises(ValueError, match="zip"):
        squared_errors(pictures(0), pictures(0, count=2))
    with pytest.raises(ValueError, match="zip"):
        ssim(pictures(0), pictures(0, count=2))
