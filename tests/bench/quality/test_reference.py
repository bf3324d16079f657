"""Picture against picture, by the features of a trained network."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from accel_bench.quality import reference as features
from accel_bench.quality.reference import Lite0Features, feature_distance, feature_distances


@pytest.fixture(scope="module")
def network() -> Lite0Features:
    return Lite0Features()


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.uint8]:
    """Five smooth ones of 32×32."""
    rows, columns = np.mgrid[0:32, 0:32]
    waves = [np.sin(rows / (2 + k))[..., None] * np.cos(columns[..., None] / (3 + np.arange(3))) for k in range(5)]
    return np.asarray(127.5 + 120 * np.stack(waves)).round().astype(np.uint8)


def disturbed(images: NDArray[np.uint8], amount: float) -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).standard_normal(images.shape) * amount
    return np.clip(images + noise, 0, 255).round().astype(np.uint8)


def test_identical_pictures_have_no_distance(network: Lite0Features, pictures: NDArray[np.uint8]) -> None:
    assert feature_distances(pictures, pictures.copy(), network=network).tolist() == [0.0] * 5


def test_more_noise_is_further_away(network: Lite0Features, pictures: NDArray[np.uint8]) -> None:
    little = feature_distances(disturbed(pictures, 4), pictures, network=network)
    much = feature_distances(disturbed(pictures, 40), pictures, network=network)

    assert (little > 0).all()
    assert (little < much).all()
    assert (much < 4 * 4).all()


def test_the_distance_is_symmetric_and_stays_with_its_picture(
    network: Lite0Features, pictures: NDArray[np.uint8]
) -> None:
    found = feature_distances(pictures, pictures[::-1], network=network)

    assert feature_distances(pictures[::-1], pictures, network=network) == pytest.approx(found, rel=1e-4)
    assert found == pytest.approx(found[::-1], rel=1e-4)
    assert found[2] == 0.0


def test_the_distance_is_the_formula(network: Lite0Features, pictures: NDArray[np.uint8]) -> None:
    def flat(images: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        pixels = torch.tensor(np.moveaxis(images, -1, 1) / np.float32(127.5) - 1, dtype=torch.float32)
        return [depth.numpy() for depth in network(pixels)]

    first, second = pictures[:1], pictures[1:2]
    expected = 0.0
    for a, b in zip(flat(first), flat(second), strict=True):
        assert np.linalg.norm(a, axis=1) == pytest.approx(1.0, rel=1e-4)
        expected += float((2 - 2 * (a * b).sum(axis=1)).mean())  # |a - b|² of unit vectors

    assert feature_distance(first, second, network=network) == pytest.approx(expected, rel=1e-3)


def test_the_mean_is_over_pictures_however_they_are_batched(
    network: Lite0Features, pictures: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = feature_distances(pictures, np.roll(pictures, 1, axis=0), network=network)
    monkeypatch.setattr(features, "_BATCH", 2)

    assert feature_distances(pictures, np.roll(pictures, 1, axis=0), network=network) == pytest.approx(whole, rel=1e-4)
    assert feature_distance(pictures, np.roll(pictures, 1, axis=0)) == pytest.approx(whole.mean(), rel=1e-4)


def test_references_of_another_shape_are_a_bug(network: Lite0Features, pictures: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="shape"):
        feature_distances(pictures, pictures[:1], network=network)
