"""One safetensors file for all packages of a component."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from accel_runtime.errors import ExportError


def write_weights(parts: Iterable[Mapping[str, Tensor]], path: Path) -> None:
    """Write every tensor of ``parts`` once, by name.

    Raises:
        ExportError: Two packages have different tensors with the same name.
    """
    found: dict[str, Tensor] = {}
    for part in parts:
        for name, tensor in part.items():
            if name in found and not _same(found[name], tensor):
                raise ExportError(f"{path.name}: two graphs hold different tensors called {name}")
            found.setdefault(name, tensor)
    save_file(_apart(found), path)
    # safetensors makes files readable only for the owner; a bundle's files are as readable as its folder.
    path.chmod(path.parent.stat().st_mode & 0o666)


def _same(one: Tensor, other: Tensor) -> bool:
    return one.data_ptr() == other.data_ptr() or (one.shape == other.shape and torch.equal(one, other))


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous tensors that do not share memory, as safetensors requires; they are copied only where needed."""
    seen: set[int] = set()
    apart = {}
    for name, tensor in tensors.items():
        shares = tensor.untyped_storage().data_ptr() in seen
        seen.add(tensor.untyped_storage().data_ptr())
        apart[name] = tensor.clone(memory_format=torch.contiguous_format) if shares else tensor.contiguous()
    return apart
