"""Rewrites for OpenVINO's kernels: the same outputs by other operators, where they gain and nowhere else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from accel_runtime import Bundle, read_bundle
from accel_runtime.backends import OpenVinoBackend, openvino_rewrites
from accel_runtime.backends.openvino_rewrites import REWRITES, Rewrite, choose_rewrites, rewrite
from accel_runtime.bundle.dims import own_sizes, resolve
from accel_runtime.errors import InputError

# 32×32 latents give 1024 tokens; half as many are too few for wide heads.
MANY, FEW = 32, 16


@pytest.fixture(scope="module")
def bundle(bundle_folder: Path) -> Bundle:
    return read_bundle(bundle_folder, verification="sizes")


def shapes(bundle: Bundle, side: int) -> dict[str, tuple[int, ...]]:
    sizes = own_sizes(bundle.manifest) | {"latent_height": side, "latent_width": side}
    return {each.name: resolve(each.shape, sizes) for each in bundle.manifest.deep.inputs}


def model(bundle: Bundle, side: int) -> Any:
    """The deep graph as OpenVINO reads it, for images of one size."""
    import openvino

    read = openvino.Core().read_model(bundle.path(bundle.manifest.deep.file))
    read.reshape({name: list(shape) for name, shape in shapes(bundle, side).items()})
    return read


def noise(bundle: Bundle, rewrites: Sequence[Rewrite]) -> NDArray[np.float32]:
    backend = OpenVinoBackend(precision="f32", threads=1, rewrites=rewrites)
    (first, *_), rng = bundle.manifest.deep.outputs, np.random.default_rng(0)
    given = {name: backend.allocate(shape) for name, shape in shapes(bundle, MANY).items()}
    for buffer in given.values():
        buffer.write(rng.standard_normal(buffer.shape).astype(np.float32))
    made = backend.allocate(given["sample"].shape)
    backend.load(bundle.path(bundle.manifest.deep.file)).bind(given, {first.name: made}).run()
    return made.read()


@pytest.mark.parametrize("name", REWRITES)
def test_a_rewritten_graph_computes_the_same(bundle: Bundle, name: Rewrite) -> None:
    assert rewrite(model(bundle, MANY), (name,))[name]

    expected = noise(bundle, ())

    np.testing.assert_allclose(noise(bundle, (name,)), expected, atol=1e-5 * np.abs(expected).max())


def test_no_gate_is_copied_into_halves_any_more(bundle: Bundle) -> None:
    rewritten = model(bundle, FEW)
    rewrite(rewritten, ("split_gates",))

    assert "Split" in {node.get_type_name() for node in model(bundle, FEW).get_ops()}
    assert "Split" not in {node.get_type_name() for node in rewritten.get_ordered_ops()}


def test_heads_are_widened_to_whole_rows_of_amx_where_there_are_many_keys(bundle: Bundle) -> None:
    rewritten = model(bundle, MANY)
    found = rewrite(rewritten, ("wide_heads",))["wide_heads"]
    products = [
        node.input_value(0).get_node() for node in rewritten.get_ordered_ops() if node.get_type_name() == "Softmax"
    ]
    wide = [each for each in products if each.get_input_shape(0)[-1] == 32]

    assert len(wide) == found
    assert all(each.get_output_shape(0)[-1] == MANY**2 for each in wide)
    assert len(wide) < len(products)
    assert rewrite(model(bundle, FEW), ("wide_heads",)) == {"wide_heads": 0}


@pytest.mark.parametrize(
    ("device", "precision", "flags", "expected"),
    [
        ("CPU", "bf16", "avx512f amx_bf16 amx_tile", ("split_gates", "wide_heads")),
        ("CPU", "bf16", "avx512f avx512_bf16", ("split_gates",)),
        ("CPU", "f32", "avx512f amx_bf16", ()),
        ("GPU", "f16", "amx_bf16", ()),
    ],
)
def test_a_rewrite_is_chosen_where_it_gains(  # noqa: PLR0917
    device: str,
    precision: str,
    flags: str,
    expected: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "cpuinfo").write_text(f"flags : {flags}\n")
    monkeypatch.setattr(openvino_rewrites, "_CPUINFO", tmp_path / "cpuinfo")

    assert choose_rewrites(device, precision) == expected


def test_a_rewrite_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InputError, match="rewrites: expected some of split_gates, wide_heads, got 'faster'"):
        OpenVinoBackend(rewrites=["faster"])  # type: ignore[list-item]
