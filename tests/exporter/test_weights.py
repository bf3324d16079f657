"""One file of weights: each content once, each graph its own names."""

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from numpy.typing import NDArray

from accel_exporter.weights import INLINE_BYTES, WeightStore

BIG = np.arange(2000, dtype=np.float32)


def model(**arrays: NDArray[np.generic]) -> ir.Model:
    values = [ir.Value(name=name, const_value=ir.tensor(array, name=name)) for name, array in arrays.items()]
    graph = ir.Graph([], [], nodes=[], initializers=values, opset_imports={"": 18})
    return ir.Model(graph, ir_version=10)


def stored(model: ir.Model, name: str) -> NDArray[np.generic]:
    tensor = model.graph.initializers[name].const_value
    assert tensor is not None
    return tensor.numpy()


def test_equal_content_of_two_graphs_is_stored_once(tmp_path: Path) -> None:
    first, second = model(a=BIG, b=BIG + 1), model(c=BIG.copy(), d=BIG[::-1])
    with WeightStore(tmp_path / "w") as store:
        store.move(first)
        store.move(second)

    assert (tmp_path / "w").stat().st_size == 3 * BIG.nbytes
    assert np.array_equal(stored(second, "c"), BIG)
    assert np.array_equal(stored(second, "d"), BIG[::-1])
    assert np.array_equal(stored(first, "b"), BIG + 1)


def test_the_same_bytes_in_another_shape_or_type_keep_their_meaning(tmp_path: Path) -> None:
    both = model(row=BIG.reshape(1, -1), column=BIG.reshape(-1, 1), ints=BIG.view(np.int32))
    with WeightStore(tmp_path / "w") as store:
        store.move(both)

    assert stored(both, "row").shape == (1, 2000)
    assert stored(both, "column").shape == (2000, 1)
    assert stored(both, "ints").dtype == np.int32


def test_small_tensors_stay_in_the_graph(tmp_path: Path) -> None:
    small = model(axes=np.zeros(INLINE_BYTES // 8, np.int64))
    with WeightStore(tmp_path / "w") as store:
        store.move(small)

    assert (tmp_path / "w").stat().st_size == 0
    assert not isinstance(small.graph.initializers["axes"].const_value, ir.ExternalTensor)


def test_large_tensors_start_on_a_page(tmp_path: Path) -> None:
    large = model(a=BIG, b=np.ones(1 << 18, np.float32))
    with WeightStore(tmp_path / "w") as store:
        store.move(large)

    place = large.graph.initializers["b"].const_value
    assert isinstance(place, ir.ExternalTensor)
    assert place.offset is not None
    assert place.offset % 4096 == 0


@pytest.mark.parametrize(("dtype", "counted"), [(np.float32, 2000), (np.float16, 2000), (np.int64, 0)])
def test_parameters_are_the_elements_of_floating_tensors(tmp_path: Path, dtype: type, counted: int) -> None:
    with WeightStore(tmp_path / "w") as store:
        assert store.move(model(a=BIG.astype(dtype))) == counted
