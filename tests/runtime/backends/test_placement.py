"""Where the nodes of a graph went, read from a profile of a real run, and what of it is tolerated."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from accel_runtime.backends.base import Placement
from accel_runtime.backends.onnxruntime.placement import SMALL_BYTES, judge, read_profile, survey
from accel_runtime.errors import BackendError


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """Three nodes from float32 [n, 4] and int64 [n] to float32 [n, 4]."""
    nodes = [
        helper.make_node("Cast", ["ids"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Round", ["x"], ["rounded"]),
        helper.make_node("Round", ["rounded"], ["y"]),
    ]
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4]),
        helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"]),
    ]
    outputs = [
        helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4]),
        helper.make_tensor_value_info("floats", TensorProto.FLOAT, ["n"]),
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "g", inputs, outputs), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.save(model, tmp_path / "g.onnx")
    return tmp_path / "g.onnx"


def session(path: Path, folder: Path, rows: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "profile")
    options.add_free_dimension_override_by_name("n", rows)
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def test_a_run_on_zeros_tells_every_node_and_the_largest_tensor(graph: Path) -> None:
    placement = survey(lambda folder: session(graph, folder, rows=6))

    assert placement == Placement(on_host={"Round": 2, "Cast": 1}, nodes=3, largest_bytes=6 * 4 * 4)


def test_a_profile_of_other_providers_nodes_is_no_node_on_the_host(graph: Path, tmp_path: Path) -> None:
    opened = session(graph, tmp_path, rows=2)
    opened.run(None, {"x": np.zeros((2, 4), np.float32), "ids": np.zeros(2, np.int64)})
    file = Path(opened.end_profiling())
    file.write_text(file.read_text().replace("CPUExecutionProvider", "CUDAExecutionProvider"))

    assert read_profile(file) == Placement(nodes=3)


SMALL = Placement(on_host={"Cast": 1}, nodes=9, largest_bytes=SMALL_BYTES)
LARGE = Placement(on_host={"Conv": 2, "Cast": 1}, nodes=9, largest_bytes=SMALL_BYTES + 1)


@pytest.mark.parametrize(("placement", "tolerant"), [(Placement(nodes=9), True), (SMALL, True)])
def test_small_things_pass_where_anything_may_be_on_the_host(placement: Placement, tolerant: bool) -> None:  # noqa: FBT001  # a case
    judge(placement, graph=Path("g.onnx"), provider="X", tolerant=tolerant)


@pytest.mark.parametrize(
    ("placement", "tolerant", "message"),
    [
        (SMALL, False, r"g\.onnx: X leaves 1 of 9 nodes \(Cast 1; .*nothing of this graph may be there"),
        (LARGE, True, r"3 of 9 nodes \(Conv 2, Cast 1; up to 32769 bytes\).*only what touches 32 KiB or less"),
    ],
)
def test_anything_else_is_an_error_that_names_operators_and_their_share(
    placement: Placement,
    tolerant: bool,  # noqa: FBT001  # a case
    message: str,
) -> None:
    with pytest.raises(BackendError, match=message):
        judge(placement, graph=Path("g.onnx"), provider="X", tolerant=tolerant)
