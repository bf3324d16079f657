"""Symbolic dimensions of the manifest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_runtime.bundle.dims import check_input, resolve
from accel_runtime.errors import BundleError, InputError
from accel_runtime.manifest import GraphSpec, TensorSpec


def graph(*shape: int | str) -> GraphSpec:
    tensor = TensorSpec(name="sample", dtype="float32", shape=shape)
    return GraphSpec(file="g.onnx", inputs=(tensor,), outputs=(), parameters=0, flops=0, relative_error=0.0)


@given(st.integers(1, 64), st.integers(1, 8))
def test_multiples_and_fractions_of_a_symbol_resolve(size: int, factor: int) -> None:
    shape = (3, "h", f"{factor}*h", f"h/{factor}")

    assert resolve(shape, {"h": size * factor}) == (3, size * factor, size * factor * factor, size)


@given(st.integers(1, 400), st.integers(1, 5))
def test_a_fraction_is_rounded_up_as_downsamplers_do(size: int, halvings: int) -> None:
    halved = size
    for _ in range(halvings):
        halved = (halved - 1) // 2 + 1

    assert resolve((f"h/{2**halvings}",), {"h": size}) == (halved,)


@pytest.mark.parametrize("dimension", ["width", "h+1", "h**2", "__import__('os')", "h/", ""])
def test_anything_else_is_a_broken_bundle(dimension: str) -> None:
    with pytest.raises(BundleError, match="cannot be resolved"):
        resolve((dimension,), {"h": 8})


def test_an_open_dimension_takes_the_size_given() -> None:
    assert check_input(graph("batch", 4), "sample", shape=(3, 4)) == {"batch": 3}


@pytest.mark.parametrize("shape", [(2, 5), (2,), (2, 4, 1)])
def test_a_fixed_dimension_refuses_other_sizes(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"input sample takes \[batch, 4\], got"):
        check_input(graph("batch", 4), "sample", shape=shape)
