"""OpenVINO as a backend: the same latents, the same memory, and the truth about what runs."""

import gc
import os
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from accel_runtime import Pipeline, Request, open_bundle
from accel_runtime.backends import OpenVinoBackend
from accel_runtime.backends.base import Buffer
from accel_runtime.backends.openvino import OpenVinoCall
from accel_runtime.backends.openvino_device import Requested, read_execution
from accel_runtime.bundle.dims import resolve
from accel_runtime.denoising.unet import Graph
from accel_runtime.errors import BackendError, InputError, MissingExtraError
from accel_runtime.plans.plan import Pass

STEPS = 6
PLANS: dict[str, dict[str, Any]] = {
    "full": {"deep": "full"},
    "every:3, hold": {"deep": "every:3"},
    "every:3, linear, branch 1": {"deep": "every:3", "forecast": "linear", "branch": 1},
    "guidance in the first half alone": {"deep": "every:2", "guided_calls": (0, STEPS // 2 - 1)},
}


@pytest.fixture(scope="module")
def in_f32(bundle_folder: Path) -> Pipeline:
    """The small bundle on OpenVINO in float32, which every processor has."""
    return open_bundle(bundle_folder, provider="openvino:f32", verification="sizes")


@pytest.fixture
def multiplying(tmp_path: Path) -> Path:
    """A graph with its weights in a file of their own: y = x @ w, where w is 1."""
    path = tmp_path / "graph" / "g.onnx"
    path.parent.mkdir()
    write_product(path, last=1.0)
    return path


def write_product(path: Path, *, last: float) -> None:
    """Write y = x @ w; w [64, 64] is 1 but for its ``last`` element."""
    for file in path.parent.iterdir():
        file.unlink()
    weights = np.ones((64, 64), np.float32)
    weights[-1, -1] = last
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 64]) for name in ("x", "y"))
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "product", [x], [y], [numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save_model(model, path, save_as_external_data=True, location="weights.data", size_threshold=0)


def last_column(backend: OpenVinoBackend, path: Path) -> float:
    """What the last column of `write_product` makes of ones."""
    x, y = backend.allocate((1, 64)), backend.allocate((1, 64))
    x.write(np.ones(64, np.float32))
    backend.load(path).bind({"x": x}, {"y": y}).run()
    return float(y.read()[0, -1])


@pytest.mark.parametrize("name", PLANS)
def test_the_final_latents_are_those_of_onnx_runtime(pipeline: Pipeline, in_f32: Pipeline, name: str) -> None:
    request = Request(("a cat", "a dog"), seed=3)
    expected, actual = (
        each.generate(request, each.plan(STEPS, scheduler="ddim", **PLANS[name])).latents for each in (pipeline, in_f32)
    )

    assert np.abs(actual - expected).max() <= 1e-4 * np.abs(expected).max()


def test_pictures_are_those_of_onnx_runtime(pipeline: Pipeline, in_f32: Pipeline) -> None:
    latents = np.random.default_rng(0).standard_normal((2, 4, 8, 8)).astype(np.float32)
    expected, actual = (each.decode(latents).astype(int) for each in (pipeline, in_f32))

    assert np.abs(actual - expected).max() <= 1


def test_the_feature_is_one_memory_for_the_deep_output_and_the_shallow_input(in_f32: Pipeline) -> None:
    backend, graphs = in_f32.backend, in_f32.components.unet([Pass(), Pass(0)]).passes
    sizes = {"batch": 2, "latent_height": 8, "latent_width": 8, "timesteps": 1}

    def buffers(graph: Graph) -> dict[str, Buffer]:
        return {each.name: backend.allocate(resolve(each.shape, sizes)) for each in graph.spec.inputs}

    noise = backend.allocate((2, 4, 8, 8))
    deep_inputs, shallow_inputs = buffers(graphs[Pass()]), buffers(graphs[Pass(0)])
    feature = shallow_inputs["feature_0"]
    deep = graphs[Pass()].session.bind(deep_inputs, {"out_sample": noise, "feature_0": feature})
    shallow = graphs[Pass(0)].session.bind(shallow_inputs, {"out_sample": noise})
    for call in (deep, shallow):
        assert isinstance(call, OpenVinoCall)
        assert call.request.get_tensor("feature_0").data.ctypes.data == feature.read().ctypes.data
    deep.run()
    after_deep = noise.read().copy()
    noise.write(np.zeros(1, np.float32))
    shallow.run()

    assert np.abs(noise.read() - after_deep).max() <= 1e-4 * np.abs(after_deep).max()
    feature.write(np.zeros(1, np.float32))
    shallow.run()
    assert np.abs(noise.read() - after_deep).max() > 1e-2 * np.abs(after_deep).max()


def test_buffers_follow_a_call_without_being_bound_again(multiplying: Path) -> None:
    backend = OpenVinoBackend(precision="f32")
    x, y = backend.allocate((4, 64)), backend.allocate((4, 64))
    memory = y.read()
    call = backend.load(multiplying).bind({"x": x.rows(2, 4)}, {"y": y.rows(2, 4)})
    for value in (1.0, 3.0):
        x.write(np.full(64, value, np.float32))
        call.run()

        assert memory[:, 0].tolist() == [0, 0, 64 * value, 64 * value]


def test_a_call_keeps_its_buffers_alive(multiplying: Path) -> None:
    backend = OpenVinoBackend()
    given = backend.allocate((3, 64))
    kept = weakref.ref(given.read())
    call = backend.load(multiplying).bind({"x": given}, {})
    del given
    gc.collect()

    assert kept() is not None
    del call
    gc.collect()
    assert kept() is None


def test_outputs_need_not_be_bound(multiplying: Path) -> None:
    backend = OpenVinoBackend()

    backend.load(multiplying).bind({"x": backend.allocate((1, 64))}, {}).run()


def test_a_graph_is_compiled_once_for_each_set_of_shapes(multiplying: Path) -> None:
    backend = OpenVinoBackend()
    session = backend.load(multiplying)
    compiled = []
    for rows in (2, 1, 2, 1):
        session.bind({"x": backend.allocate((rows, 64))}, {})
        compiled.append([id(each) for each in session._compiled])

    assert [len(each) for each in compiled] == [1, 2, 2, 2]
    assert compiled[1] == compiled[3]


def test_a_graph_stays_compiled_for_the_shapes_used_last_alone(multiplying: Path) -> None:
    backend = OpenVinoBackend(threads=1)
    session = backend.load(multiplying)
    for rows in range(1, 9):
        session.bind({"x": backend.allocate((rows, 64))}, {})

    assert [compiled.input(0).shape[0] for compiled in session._compiled] == [5, 6, 7, 8]


def test_the_description_is_what_the_compiled_graph_says() -> None:
    described = OpenVinoBackend(precision="f32", threads=1).describe()

    assert (described.backend, described.provider) == ("openvino", "CPU")
    assert described.version.startswith("20")
    assert described.options == {
        "cache": False,
        "enable_cpu_pinning": False,
        "inference_num_threads": 1,
        "inference_precision": "f32",
        "num_streams": 1,
        "performance_hint": "latency",
        "rewrites": "none",
    }


def test_a_compiled_graph_comes_from_the_cache_folder_the_second_time(multiplying: Path, tmp_path: Path) -> None:
    came_from_cache = []
    for _ in range(2):
        backend = OpenVinoBackend(cache_dir=tmp_path / "cache")
        session = backend.load(multiplying)
        session.bind({"x": backend.allocate((1, 64))}, {})
        came_from_cache += [each.get_property("LOADED_FROM_CACHE") for each in session._compiled]

    assert came_from_cache == [False, True]
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert backend.describe().options["cache"] is True


def test_the_cache_sees_that_external_weights_have_changed_behind_the_same_name_size_and_time(
    multiplying: Path, tmp_path: Path
) -> None:
    backend = OpenVinoBackend(precision="f32", cache_dir=tmp_path / "cache")
    products = []
    for last in (1.0, 5.0):
        write_product(multiplying, last=last)
        for file in multiplying.parent.iterdir():
            os.utime(file, (0, 0))
        products.append(last_column(backend, multiplying))

    assert products == [64, 68]


@pytest.mark.parametrize("device", ["TPU", "CPU.7", ""])
def test_a_device_that_is_not_there_names_those_that_are(device: str) -> None:
    with pytest.raises(BackendError, match=rf"cannot use '{device}': expected one of .*CPU") as caught:
        OpenVinoBackend(device)

    assert "\n" not in str(caught.value)


class Compiled:
    """What a compiled graph says of itself, on a machine that we do not have."""

    def __init__(self, *devices: str, precision: str = "f32") -> None:
        self.devices = devices
        self.precision = precision

    def get_property(self, key: str) -> Any:
        import openvino

        told = {
            "EXECUTION_DEVICES": list(self.devices),
            "INFERENCE_PRECISION_HINT": getattr(openvino.Type, self.precision),
        }
        if key not in told:
            raise RuntimeError("not supported property")
        return told[key]


@pytest.mark.parametrize(("asked", "ran"), [("GPU", "CPU"), ("GPU.1", "GPU.0"), ("CPU", "GPU.0"), ("GPU", "")])
def test_another_device_than_asked_for_is_an_error(asked: str, ran: str) -> None:
    with pytest.raises(BackendError, match=f"asked OpenVINO for {asked}, but"):
        read_execution(Compiled(*filter(None, [ran])), Requested(asked))


@pytest.mark.parametrize(
    ("asked", "ran"), [("GPU", "GPU.0"), ("GPU.1", "GPU.1"), ("AUTO", "CPU"), ("HETERO:CPU", "CPU")]
)
def test_the_device_asked_for_or_chosen_by_openvino_is_reported(asked: str, ran: str) -> None:
    assert read_execution(Compiled(ran), Requested(asked)).devices == (ran,)


def test_another_precision_than_asked_for_is_an_error() -> None:
    with pytest.raises(BackendError, match="asked OpenVINO for bf16, but CPU would compute in f32"):
        read_execution(Compiled("CPU", precision="f32"), Requested("CPU", precision="bf16"))


def test_a_processor_gets_bf16_or_refuses_it() -> None:
    import openvino

    has_bf16 = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    try:
        backend = OpenVinoBackend(precision="bf16")
    except BackendError as refused:
        assert not has_bf16
        assert "CPU would compute in f32" in str(refused)  # noqa: PT017 - with AVX-512 alone it computes in bfloat16, too
    else:
        assert backend.describe().options["inference_precision"] == "bf16"


def test_openvino_may_choose_the_device_when_asked_to() -> None:
    assert OpenVinoBackend("AUTO").describe().provider == "CPU"


def test_a_precision_or_thread_count_that_means_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="precision: expected one of bf16, f16, f32, got 'f64'"):
        OpenVinoBackend(precision="f64")
    with pytest.raises(InputError, match="threads: expected 1 or more, got 0"):
        OpenVinoBackend(threads=0)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def lose_weights(path: Path) -> None:
    (path.parent / "weights.data").unlink()


@pytest.mark.parametrize("damage", [cut, lose_weights, Path.unlink, lambda path: path.write_text("no graph")])
def test_a_broken_file_is_one_line(multiplying: Path, damage: Any, capfd: pytest.CaptureFixture[str]) -> None:
    damage(multiplying)
    with pytest.raises(BackendError, match=r"g\.onnx: OpenVINO cannot load the graph: \w+") as caught:
        OpenVinoBackend().load(multiplying)

    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_buffers_that_do_not_fit_the_graph_are_refused(multiplying: Path) -> None:
    backend = OpenVinoBackend()
    session = backend.load(multiplying)
    x, y = backend.allocate((2, 64)), backend.allocate((2, 64))
    integers, narrow, three = backend.allocate((2, 64), "int64"), backend.allocate((2, 3)), backend.allocate((3, 64))
    for inputs, outputs, message in (
        ({"x": integers}, {"y": y}, r"input x: expected float32 \[\?,64\], got int64 \[2, 64\]"),
        ({"x": narrow}, {"y": y}, r"input x: expected float32 \[\?,64\], got float32 \[2, 3\]"),
        ({"x": x}, {"y": three}, r"output y: expected float32 \[2,64\], got float32 \[3, 64\]"),
        ({"x": x, "z": x}, {"y": y}, "no input z: expected one of x"),
        ({"x": x}, {"z": y}, "no output z: expected one of y"),
        ({}, {"y": y}, "no buffer for the input x"),
    ):
        with pytest.raises(BackendError, match=message):
            session.bind(inputs, outputs)


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.partition(".")[0] == "openvino"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "meta_path", [Without("openvino"), *sys.meta_path])
    with pytest.raises(MissingExtraError, match=r"openvino is not installed: run `pip install 'accel-sd\[openvino\]'`"):
        OpenVinoBackend()


class Without:
    """An import system in which one package is not installed."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, name: str, *_: Any) -> None:
        if name.partition(".")[0] == self.package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
