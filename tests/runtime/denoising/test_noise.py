import numpy as np
import numpy.typing as npt
import pytest
import torch
from diffusers.utils.torch_utils import randn_tensor
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_runtime.denoising.noise import TorchGenerator, stacked_normal
from accel_runtime.errors import InputError

SEEDS = (0, 42, 123456789, 2**32 - 1, 2**33 + 5, -1)
SHAPES = ((16,), (1, 4, 8, 8), (17,), (3, 5, 7), (2, 4, 64, 64), (1031,))


def assert_close(ours: npt.NDArray[np.float32], theirs: torch.Tensor) -> None:
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=0, atol=2e-6)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_consecutive_draws_equal_torch_randn(seed: int, shape: tuple[int, ...]) -> None:
    ours, theirs = TorchGenerator(seed), torch.Generator("cpu").manual_seed(seed)

    for _ in range(3):
        draw = ours.normal(shape)

        assert draw.dtype == np.float32
        assert_close(draw, torch.randn(shape, generator=theirs))


@given(seed=st.integers(-(2**63), 2**64 - 1), sizes=st.lists(st.integers(0, 70), max_size=6))
@settings(max_examples=60, deadline=None)
def test_draws_of_any_sizes_equal_torch_randn_for_any_seed(seed: int, sizes: list[int]) -> None:
    ours, theirs = TorchGenerator(seed), torch.Generator("cpu").manual_seed(seed)

    for size in sizes:
        assert_close(ours.normal((size,)), torch.randn(size, generator=theirs))


def test_a_draw_of_odd_size_below_16_leaves_its_second_value_for_the_next_small_draw() -> None:
    ours, theirs = TorchGenerator(7), torch.Generator("cpu").manual_seed(7)

    for size in (3, 20, 1, 15, 2):
        assert_close(ours.normal((size,)), torch.randn(size, generator=theirs))


def test_every_image_of_a_batch_starts_from_its_own_seed_as_with_a_list_of_generators_in_diffusers() -> None:
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in SEEDS]

    expected = randn_tensor((len(SEEDS), 4, 8, 8), generator=generators)

    assert_close(stacked_normal([TorchGenerator(seed) for seed in SEEDS], (4, 8, 8)), expected)


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_a_seed_that_torch_refuses_is_refused(seed: int) -> None:
    with pytest.raises(InputError, match=str(seed)):
        TorchGenerator(seed)
