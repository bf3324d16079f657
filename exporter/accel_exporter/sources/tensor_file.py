"""A file of named tensors: safetensors, or a pickle in which there is nothing else."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import safe_open
from torch import Tensor

from accel_exporter.sources.common import check_files
from accel_exporter.sources.load import check_safetensors, reading
from accel_runtime.errors import SourceError

_SAFETENSORS: Final = ".safetensors"
ENDINGS: Final = (_SAFETENSORS, ".ckpt", ".pt", ".pth", ".bin")
# Checkpoints of training loops keep their weights under this key.
_NESTED: Final = "state_dict"


@dataclass(frozen=True, slots=True)
class TensorFile:
    """A file that `open_tensors` found whole; it is read anew each time, and never kept in memory."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return self.path.name

    def shapes(self) -> dict[str, Tensor]:
        """All tensors, on the meta device: shapes and types without numbers.

        Raises:
            SourceError: The file cannot be read.
        """
        if self.path.suffix != _SAFETENSORS:
            return {name: tensor.to("meta") for name, tensor in self._unpickled_tensors().items()}
        with reading(self.name), safe_open(self.path, framework="pt") as file:
            return {name: _described(file.get_slice(name)) for name in file.keys()}  # noqa: SIM118 - not a mapping

    def read(self, names: Collection[str]) -> dict[str, Tensor]:
        """Some of the tensors, in float32.

        Raises:
            SourceError: The file cannot be read.
        """
        if self.path.suffix != _SAFETENSORS:
            found = self._unpickled_tensors()
            return {name: found[name].to(torch.float32) for name in names}
        with reading(self.name), safe_open(self.path, framework="pt") as file:
            return {name: file.get_tensor(name).to(torch.float32) for name in names}

    def document(self) -> Any:
        """What the file holds beside tensors, too: a pickle's object, or the tensors of a safetensors file."""
        return self.read(self.shapes()) if self.path.suffix == _SAFETENSORS else self._unpickled()

    def outline(self) -> Any:
        """The same, but the tensors of a safetensors file are on the meta device."""
        return self.shapes() if self.path.suffix == _SAFETENSORS else self._unpickled()

    def metadata(self) -> Mapping[str, Any]:
        """JSON values in the header of a safetensors file by their key; what is no JSON is left out."""
        if self.path.suffix != _SAFETENSORS:
            return {}
        with reading(self.name), safe_open(self.path, framework="pt") as file:
            texts = file.metadata() or {}
        return {key: value for key, text in texts.items() if (value := _parsed(text)) is not None}

    def _unpickled(self) -> Any:
        with reading(self.name):
            try:
                return torch.load(self.path, map_location="cpu", weights_only=True, mmap=True)
            except RuntimeError as error:
                # The format before torch 1.6 cannot be mapped.
                if "mmap can only be used" not in str(error):
                    raise
            return torch.load(self.path, map_location="cpu", weights_only=True)

    def _unpickled_tensors(self) -> dict[str, Tensor]:
        document = self._unpickled()
        while isinstance(document, dict) and isinstance(document.get(_NESTED), dict):
            document = document[_NESTED]
        if not isinstance(document, dict):
            raise SourceError(f"{self.name}: expected named tensors, got {type(document).__name__}")
        return {name: value for name, value in document.items() if isinstance(name, str) and isinstance(value, Tensor)}


def open_tensors(path: Path, *, what: str) -> TensorFile:
    """The file at ``path``, of which no more than the header is read.

    Args:
        path: The file, of one of the `ENDINGS`; all but the first are pickles.
        what: What is expected there, for messages.

    Raises:
        SourceError: There is no such file, or it is not whole.
    """
    if not path.is_file():
        raise SourceError(f"'{path}' is no file: expected {what}")
    if path.suffix not in ENDINGS:
        raise SourceError(f"'{path}': expected {what} that ends in {', '.join(ENDINGS)}")
    check_files(path.parent, [path.name])
    if path.suffix == _SAFETENSORS:
        check_safetensors(path, name=path.name)
    return TensorFile(path)


def _described(header: Any) -> Tensor:
    return torch.empty(header.get_shape(), device="meta")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
