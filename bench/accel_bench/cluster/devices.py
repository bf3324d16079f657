"""The devices of a cluster, as Ray tells them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_GPU_PROVIDERS: Final = frozenset({"cuda", "tensorrt", "rocm", "migraphx", "webgpu", "inductor-cuda"})


@dataclass(frozen=True, slots=True)
class Device:
    """What one worker works on: a GPU, or the processors that a node gives to Ray.

    Attributes:
        node: Ray's id of the node.
        name: The node's name for people.
        index: Which of the node's devices of this kind.
        cpus: Processors to reserve.
        gpus: GPUs to reserve.
    """

    node: str
    name: str
    index: int
    cpus: float
    gpus: float


def devices(nodes: Iterable[Mapping[str, Any]], provider: str) -> Iterator[Device]:
    """The devices of living nodes that a provider runs on.

    Args:
        nodes: As `ray.nodes` returns them.
        provider: Name of a backend; `auto` takes GPUs where there are any.

    >>> node = {"Alive": True, "NodeID": "a1", "NodeManagerHostname": "one", "Resources": {"CPU": 8.0, "GPU": 2.0}}
    >>> [(each.index, each.cpus, each.gpus) for each in devices([node], "cuda")]
    [(0, 1.0, 1.0), (1, 1.0, 1.0)]
    >>> [(each.index, each.cpus, each.gpus) for each in devices([node], "openvino")]
    [(0, 8.0, 0.0)]
    """
    alive = [node for node in nodes if node["Alive"]]
    has_gpu = any(node["Resources"].get("GPU", 0) >= 1 for node in alive)
    on_gpu = provider in _GPU_PROVIDERS or "GPU" in provider or (provider == "auto" and has_gpu)
    for node in alive:
        name, cpus = str(node["NodeManagerHostname"]), float(node["Resources"].get("CPU", 0))
        if on_gpu:
            for index in range(int(node["Resources"].get("GPU", 0))):
                yield Device(node["NodeID"], name, index, cpus=min(1.0, cpus), gpus=1.0)
        elif cpus >= 1:
            yield Device(node["NodeID"], name, index=0, cpus=cpus, gpus=0.0)
