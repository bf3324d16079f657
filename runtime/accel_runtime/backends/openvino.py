"""OpenVINO as a backend, through its own API, on the same ONNX files of a bundle."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from accel_runtime.backends.base import Artifact, BackendDescription, Buffer
from accel_runtime.backends.host import HostBuffer
from accel_runtime.backends.openvino_device import Execution, Requested, last_line, read_execution
from accel_runtime.backends.openvino_rewrites import Rewrite, check_rewrites, choose_rewrites, rewrite
from accel_runtime.base.idle import SIZES_KEPT, UsedLast
from accel_runtime.errors import BackendError, MissingExtraError, explained
from accel_runtime.manifest import TensorSpec


class OpenVinoBackend:
    """Graphs on one device of OpenVINO.

    Args:
        device: OpenVINO's name, such as `CPU`, `GPU`, `GPU.1` or `AUTO:GPU,CPU`.
        precision: What operators compute in, of `PRECISIONS`; None leaves it to OpenVINO, which takes
            bfloat16 on processors that have it.
        threads: Threads of a call, at most those of the machine; None leaves the choice to OpenVINO.
        cache_dir: Folder for compiled graphs, each as large as its weights; None compiles anew.
        rewrites: Rewrites of each graph, of `REWRITES`; None takes those that gain on this processor.

    Raises:
        InputError: A precision or rewrite is unknown, or there are no threads.
        BackendError: OpenVINO does not have the device, or would run another, or in another precision.
        MissingExtraError: OpenVINO is not installed.
    """

    def __init__(
        self,
        device: str = "CPU",
        *,
        precision: str | None = None,
        threads: int | None = None,
        cache_dir: Path | None = None,
        rewrites: Sequence[Rewrite] | None = None,
    ) -> None:
        self._requested = Requested(device, precision=precision, threads=threads, cache_dir=cache_dir)
        self._openvino = _import_openvino()
        self._core = self._openvino.Core()
        # Files that are no ONNX are asked about here: `read_model` offers them to every frontend, and they complain.
        self._onnx = self._openvino.frontend.FrontEndManager().load_by_framework("onnx")
        self._execution = self._probe()
        precision = str(self._execution.options.get("inference_precision"))
        self._rewrites = choose_rewrites(device, precision) if rewrites is None else check_rewrites(rewrites)

    @property
    def name(self) -> str:
        """See `Backend.name`."""
        return "openvino"

    @property
    def on_host(self) -> bool:
        """Always: OpenVINO copies to its devices itself."""
        return True

    @property
    def artifact(self) -> Artifact:
        """ONNX graphs; see `Backend.artifact`."""
        return "onnx"

    def load(self, path: Path, *, inputs: Sequence[TensorSpec] = (), tolerant: bool = False) -> "OpenVinoSession":  # noqa: ARG002  # OpenVINO reads its own shapes
        """Read a graph; it is compiled when its shapes are bound. See `Backend.load`."""
        with explained(f"{path}: OpenVINO cannot load the graph", reason=last_line):
            if not self._onnx.supported(str(path)):
                raise ValueError("it is no ONNX file, or cut off")
            # `compile_model(path)` would be shorter, but its cache does not see changes in external data.
            model = self._core.read_model(path)
        return OpenVinoSession(path, model, compile_model=self._compile)

    def allocate(self, shape: tuple[int, ...], dtype: str = "float32") -> HostBuffer:
        """A zeroed numpy array; see `Backend.allocate`."""
        return HostBuffer.zeros(shape, dtype)

    def describe(self) -> BackendDescription:
        """What the graph that was compiled last says of itself."""
        return BackendDescription(
            backend="openvino",
            version=self._openvino.__version__,
            provider=",".join(self._execution.devices),
            options=self._execution.options | {"rewrites": ",".join(self._rewrites) or "none"},
        )

    def _compile(self, model: Any) -> Any:
        rewrite(model, self._rewrites)
        compiled = self._core.compile_model(model, self._requested.device, self._requested.options())
        self._execution = read_execution(compiled, self._requested)
        return compiled

    def _probe(self) -> Execution:
        """Compile the smallest graph there is: a device that cannot be had is said before any bundle is read."""
        opset = self._openvino.opset13
        x = opset.parameter([1], np.float32)
        model = self._openvino.Model([opset.relu(x)], [x], "probe")
        devices = ", ".join(self._core.available_devices)
        with explained(f"OpenVINO cannot use {self._requested.device!r}: expected one of {devices}", reason=last_line):
            compiled = self._core.compile_model(
                model, self._requested.device, self._requested.options() | {"CACHE_DIR": ""}
            )
        return read_execution(compiled, self._requested)


class OpenVinoSession:
    """One graph, compiled for each set of shapes that is bound; those used last stay.

    Args:
        path: Its file, for messages.
        model: Model that OpenVINO read, with the file's open dimensions.
        compile_model: Compiles a model that it may change, and checks what will run it.
    """

    def __init__(self, path: Path, model: Any, *, compile_model: Callable[[Any], Any]) -> None:
        self._path = path
        self._model = model
        self._compile_model = compile_model
        self._compiled = UsedLast[Any](keep=SIZES_KEPT)

    def bind(self, inputs: Mapping[str, Buffer], outputs: Mapping[str, Buffer]) -> "OpenVinoCall":
        """Hand the buffers' memory to a request of its own; see `Session.bind`.

        Raises:
            BackendError: Names, types or shapes are not the graph's.
        """
        with explained(f"{self._path}: OpenVINO cannot compile the graph", reason=last_line):
            self._check(inputs, self._model.inputs, kind="input")
            self._check(outputs, self._model.outputs, kind="output")
            if missing := sorted({port.any_name for port in self._model.inputs} - set(inputs)):
                raise BackendError(f"{self._path}: no buffer for the input {missing[0]}: bind every input")
            compiled = self._compile({name: buffer.shape for name, buffer in inputs.items()})
            # Once more: only now are the outputs' shapes known.
            self._check(outputs, compiled.outputs, kind="output")
            request = compiled.create_infer_request()
            for name, buffer in (*inputs.items(), *outputs.items()):
                request.set_tensor(name, _share(buffer))
        return OpenVinoCall(request, self._path, (*inputs.values(), *outputs.values()))

    def _compile(self, shapes: Mapping[str, tuple[int, ...]]) -> Any:
        def compile_model() -> Any:
            model = self._model.clone()  # shares the weights
            model.reshape({name: list(shape) for name, shape in shapes.items()})
            return self._compile_model(model)

        return self._compiled.get(frozenset(shapes.items()), compile_model)

    def _check(self, buffers: Mapping[str, Buffer], ports: Any, *, kind: str) -> None:
        expected = {name: port for port in ports for name in port.names}
        for name, buffer in buffers.items():
            array = buffer.read()
            if name not in expected:
                raise BackendError(
                    f"{self._path}: no {kind} {name}: expected one of {', '.join(sorted(expected)) or 'none'}"
                )
            port = expected[name]
            wanted, shape = port.element_type.to_dtype(), port.partial_shape
            if array.dtype != wanted or not shape.compatible(_shape(array.shape)):
                raise BackendError(
                    f"{self._path}: {kind} {name}: expected {wanted} {shape}, got {array.dtype} {list(array.shape)}"
                )


@dataclass(frozen=True, slots=True, eq=False)
class OpenVinoCall:
    """A request whose tensors are the buffers' memory, and the buffers, since tensors do not keep that alive."""

    request: Any
    path: Path
    buffers: tuple[Buffer, ...]

    def run(self) -> None:
        """Execute once; see `BoundCall.run`."""
        with explained(f"{self.path}: the graph failed", reason=last_line):
            # Sharing the outputs spares a copy of each into the result, which nobody reads.
            self.request.infer(share_outputs=True)


def _import_openvino() -> Any:
    try:
        import openvino  # noqa: PLC0415  # an extra, asked for only where it is used
        import openvino.frontend  # noqa: PLC0415
        import openvino.opset13  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "openvino":
            raise
        raise MissingExtraError("openvino", extra="openvino") from None
    return openvino


def _share(buffer: Buffer) -> Any:
    """A tensor on the buffer's own memory."""
    return _import_openvino().Tensor(buffer.read(), shared_memory=True)


def _shape(shape: tuple[int, ...]) -> Any:
    return _import_openvino().PartialShape(list(shape))
