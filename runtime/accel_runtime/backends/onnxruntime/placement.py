"""Where ONNX Runtime put the nodes of a graph, and whether that may be.

Its GPU providers hand what they lack to the CPU. A node there is harmless where it works on a mask or an index, and
ruins everything where it works on an image. See docs/design/0014-gpu-sessions.md.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from accel_runtime.backends.base import Placement
from accel_runtime.backends.onnxruntime.library import reason
from accel_runtime.errors import BackendError

# A causal mask of CLIP, 77 × 77 float32, has 24 KB; the smallest latents of SD1.5 have 64.
SMALL_BYTES: Final = 32 * 1024

_HOST: Final = "CPUExecutionProvider"
_KERNEL: Final = "_kernel_time"
# What ONNX Runtime puts between providers itself; the nodes beside it are counted.
_COPIES: Final = frozenset({"MemcpyFromHost", "MemcpyToHost"})
_BYTES: Final[Mapping[str, int]] = {
    "float": 4,
    "float16": 2,
    "bfloat16": 2,
    "double": 8,
    "int64": 8,
    "uint64": 8,
    "int32": 4,
    "uint32": 4,
    "int16": 2,
    "uint16": 2,
}
_NUMPY: Final[Mapping[str, str]] = {"float": "float32", "double": "float64"}


def refuses_the_host(error: Exception) -> bool:
    """Whether a session was refused since some of its nodes would run on the host."""
    return "fallback to CPU EP has been explicitly disabled" in str(error)


def survey(make_session: Callable[[Path], Any]) -> Placement:
    """Run a graph once on zeros and read where each node ran.

    Args:
        make_session: Makes the session, without a refusal, with a profile in the given folder.

    Raises:
        Exception: Whatever ONNX Runtime raises where it cannot load or run the graph.
    """
    with TemporaryDirectory(prefix="accel-placement-") as folder:
        session = make_session(Path(folder))
        session.run(None, {given.name: _zeros(given) for given in session.get_inputs()})
        return read_profile(Path(session.end_profiling()))


def read_profile(file: Path) -> Placement:
    """The placement that a profile of ONNX Runtime tells, from 1.22 on."""
    events = json.loads(file.read_text())
    kernels = [event["args"] for event in events if event.get("name", "").endswith(_KERNEL)]
    nodes = [kernel for kernel in kernels if kernel.get("op_name") not in _COPIES]
    on_host = [node for node in nodes if node.get("provider") == _HOST]
    return Placement(
        nodes=len(nodes),
        on_host=dict(Counter(node["op_name"] for node in on_host).most_common()),
        largest_bytes=max((_largest(node) for node in on_host), default=0),
    )


def judge(placement: Placement, *, graph: Path, provider: str, tolerant: bool) -> None:
    """Let small things pass, where anything may be on the host at all.

    Raises:
        BackendError: Names the operators, how many nodes they are, and the largest tensor that they touch.
    """
    if tolerant and placement.largest_bytes <= SMALL_BYTES:
        return
    may = f"only what touches {SMALL_BYTES // 1024} KiB or less" if tolerant else "nothing of this graph"
    raise BackendError(
        f"{graph}: {provider} leaves {placement} to the CPU: {may} may be there: take another --form or --provider"
    )


def explain_survey(error: Exception, *, graph: Path, provider: str) -> BackendError:
    """The error of a graph that does not even run with the host's help."""
    return BackendError(f"{graph}: {provider} leaves some of its nodes on the CPU, and fails: {reason(error)}")


def _zeros(given: Any) -> Any:
    kind = given.type.removeprefix("tensor(").removesuffix(")")
    return np.zeros([_number(size) for size in given.shape], _NUMPY.get(kind, kind))


def _number(size: int | str | None) -> int:
    """Sizes are fixed before; what is still open takes one entry."""
    return size if isinstance(size, int) else 1


def _largest(node: Mapping[str, Any]) -> int:
    tensors: tuple[dict[str, list[int]], ...] = (*node["input_type_shape"], *node["output_type_shape"])
    return max((_size(kind, shape) for tensor in tensors for kind, shape in tensor.items()), default=0)


def _size(kind: str, shape: list[int]) -> int:
    return _BYTES.get(kind, 1) * int(np.prod(shape, dtype=np.int64))
