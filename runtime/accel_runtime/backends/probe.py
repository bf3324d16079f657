"""Whether a backend really runs something here: finding its name in a list proves nothing."""

from pathlib import Path
from typing import Final

import numpy as np

from accel_runtime.backends.base import Backend
from accel_runtime.errors import BackendError
from accel_runtime.manifest import TensorSpec

# y = x + x on float32 [n], opset 17: what the oldest supported wheel can run. A test makes it anew.
GRAPH: Final = Path(__file__).parent / "probe.onnx"
_INPUTS: Final = (TensorSpec(name="x", dtype="float32", shape=("n",)),)


def run_probe(backend: Backend) -> None:
    """Run the smallest graph there is.

    Raises:
        BackendError: It does not load, does not run, or gives wrong numbers.
    """
    x, y = backend.allocate((3,)), backend.allocate((3,))
    call = backend.load(GRAPH, inputs=_INPUTS).bind({"x": x}, {"y": y})
    x.write(np.array([1.0, 2.0, 4.0], np.float32))
    call.run()
    if (found := y.read().tolist()) != [2.0, 4.0, 8.0]:
        raise BackendError(f"1, 2, 4 doubled should be 2, 4, 8, got {found}: driver and library do not fit each other")
