"""Edits of ONNX graphs, on graphs small enough to read."""

import gc
import weakref

import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from accel_exporter.graphs import Axis
from accel_exporter.passes import ExposeFeatures, NameDimensions, OpenTimestep, clean, cut_shallow, optimize
from accel_runtime.errors import ExportError


def deep_model(*, axis: int = 1) -> ir.Model:
    """A graph with noise = conv([below, skip]), with a feature that slices the join; `deep` is what lies below."""
    nodes = [
        helper.make_node("Conv", ["sample", "w_in"], ["skip"]),
        helper.make_node("Relu", ["skip"], ["a"]),
        helper.make_node("Relu", ["a"], ["below"]),
        helper.make_node("Concat", ["below", "skip"], ["join"], axis=axis),
        helper.make_node("Conv", ["join", "w_out"], ["noise"]),
        helper.make_node("Slice", ["join", "zero", "two", "one"], ["feature_0"]),
    ]
    constants = {
        "w_in": np.ones((2, 4, 1, 1), np.float32),
        "w_out": np.ones((4, 4, 1, 1), np.float32),
        "zero": np.array([0]),
        "one": np.array([1]),
        "two": np.array([2]),
    }
    graph = helper.make_graph(
        nodes,
        "deep",
        [helper.make_tensor_value_info("sample", TensorProto.FLOAT, ["s1", 4, "8*s2", "8*s3"])],
        [
            helper.make_tensor_value_info("noise", TensorProto.FLOAT, ["s1", 4, "8*s2", "8*s3"]),
            helper.make_tensor_value_info("feature_0", TensorProto.FLOAT, ["s1", 2, "4*s2", "s3"]),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = ir.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]))
    assert isinstance(model, ir.Model)
    return model


def operators(model: ir.Model) -> list[str]:
    return [node.op_type for node in model.graph]


def test_a_feature_becomes_the_joined_tensor_itself() -> None:
    model = deep_model()
    ExposeFeatures(("feature_0",))(model)
    clean(model)

    feature = model.graph.outputs[1]
    producer = feature.producer()
    assert feature.name == "feature_0"
    assert producer is not None
    assert producer.op_type == "Relu"
    assert operators(model) == ["Conv", "Relu", "Relu", "Concat", "Conv"]


def test_a_feature_that_is_no_part_of_a_join_is_refused() -> None:
    with pytest.raises(ExportError, match="feature_0 is not the first part of a join"):
        ExposeFeatures(("feature_0",))(deep_model(axis=2))


def test_the_shallow_pass_has_only_what_the_noise_needs_beside_the_feature() -> None:
    model = deep_model()
    ExposeFeatures(("feature_0",))(model)
    shallow = cut_shallow(model, "feature_0")

    assert operators(shallow) == ["Conv", "Concat", "Conv"]
    assert [value.name for value in shallow.graph.inputs] == ["sample", "feature_0"]
    assert [value.name for value in shallow.graph.outputs] == ["noise"]
    assert operators(model)[:3] == ["Conv", "Relu", "Relu"]


def test_a_feature_that_does_not_exist_cannot_be_cut() -> None:
    with pytest.raises(ExportError, match="no output feature_7"):
        cut_shallow(deep_model(), "feature_7")


def test_an_optimised_graph_is_let_go_with_its_weights() -> None:
    model = deep_model()
    weights = weakref.ref(model.graph.initializers["w_in"].const_value)
    optimize(model)
    del model
    gc.collect()

    assert weights() is None


def test_dimensions_get_the_manifest_s_names() -> None:
    model = deep_model()
    axes = {"sample": {0: Axis("batch"), 2: Axis("latent_height", 8), 3: Axis("latent_width", 8)}}
    NameDimensions(axes)(model)

    def shape(value: ir.Value) -> list[str | int]:
        assert value.shape is not None
        return [dim if isinstance(dim, int) else str(dim.value) for dim in value.shape]

    assert shape(model.graph.inputs[0]) == ["batch", 4, "latent_height", "latent_width"]
    assert shape(model.graph.outputs[1]) == ["batch", 2, "latent_height/2", "latent_width/8"]


def test_dimensions_that_were_halved_and_rounded_up_get_the_manifest_s_names() -> None:
    model = deep_model()
    halved, quartered = "((s2 - 1)//2) + 1", "((s3 - 1)//4) + 1"
    model.graph.inputs[0].shape = ir.Shape(["s1", 4, "s2", "s3"])
    model.graph.outputs[0].shape = ir.Shape(["s1", 4, "s2", "s3"])
    model.graph.outputs[1].shape = ir.Shape(["s1", 2, halved, quartered])
    NameDimensions({"sample": {0: Axis("batch"), 2: Axis("latent_height"), 3: Axis("latent_width")}})(model)

    assert model.graph.outputs[1].shape == ["batch", 2, "latent_height/2", "latent_width/4"]


def test_cleaning_removes_notes_doubles_and_dead_nodes() -> None:
    model = deep_model()
    model.graph.metadata_props["note"] = "to developers"
    model.graph.node(0).metadata_props["stack"] = "trace"
    twin = ir.tensor(np.array([1]), name="uno")
    model.graph.initializers["uno"] = ir.Value(name="uno", const_value=twin)
    model.graph.append(ir.node("Relu", [model.graph.inputs[0]]))
    clean(model)

    assert not model.graph.metadata_props
    assert not model.graph.node(0).metadata_props
    assert "uno" not in model.graph.initializers
    assert len(operators(model)) == 6


@pytest.mark.parametrize(
    ("operator", "rows", "shape"), [("Expand", "batch", "timesteps"), ("Expand", 2, 1), ("Mul", "batch", 1)]
)
def test_a_timestep_that_is_only_spread_over_open_rows_may_be_one_for_each(
    operator: str, rows: str | int, shape: str | int
) -> None:
    graph = helper.make_graph(
        [helper.make_node(operator, ["timestep", "other"], ["out"])],
        "unet",
        [
            helper.make_tensor_value_info("sample", TensorProto.FLOAT, [rows, 4]),
            helper.make_tensor_value_info("timestep", TensorProto.FLOAT, [1]),
        ],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [rows])],
        [numpy_helper.from_array(np.array([2]), "other")],
    )
    model = ir.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]))
    assert isinstance(model, ir.Model)
    OpenTimestep("timestep")(model)

    assert model.graph.inputs[1].shape == ir.Shape([shape])
