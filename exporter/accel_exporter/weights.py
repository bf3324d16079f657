"""One file of weights for several graphs: every tensor is stored once, found again by its content."""

import hashlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

# Smaller tensors stay in the graph: shape inference wants to read them, and they weigh nothing.
INLINE_BYTES = 1024

# ONNX Runtime maps the file; large tensors start on a page.
_PAGE = 4096
_ALIGNED_FROM = 1 << 20


class WeightStore:
    """Writes tensors to one external-data file, each distinct content once.

    Use as a context manager; `move` may be called for any number of models.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: dict[tuple[str, str], ir.ExternalTensor] = {}
        self._file: BinaryIO | None = None

    def __enter__(self) -> "WeightStore":
        self._file = self._path.open("wb")
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not None:
            self._file.close()

    def move(self, model: ir.Model) -> int:
        """Replace the large initializers of ``model`` by references into the file.

        Returns:
            The elements of all floating-point initializers: the parameters of the graph.
        """
        parameters = 0
        for value in model.graph.initializers.values():
            tensor = value.const_value
            if tensor is None:
                continue
            if tensor.dtype.is_floating_point():
                parameters += tensor.size
            if tensor.nbytes > INLINE_BYTES and not isinstance(tensor, ir.ExternalTensor):
                value.const_value = self._place(tensor, name=value.name or "")
        return parameters

    def _place(self, tensor: ir.TensorProtocol, *, name: str) -> ir.ExternalTensor:
        data: NDArray[Any] = np.ascontiguousarray(tensor.numpy())
        # Not the shape: a 1×1 filter is the same bytes in either layout.
        # As bytes: numpy lends no memory of a type that it does not know, as bfloat16.
        key = (hashlib.sha256(data.view(np.uint8).data).hexdigest(), tensor.dtype.name)
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = self._write(data, dtype=tensor.dtype)
        return self._reference(place, name=name, shape=data.shape)

    def _write(self, data: NDArray[Any], *, dtype: ir.DataType) -> ir.ExternalTensor:
        assert self._file is not None  # noqa: S101  # `move` is only called inside the context
        if data.nbytes >= _ALIGNED_FROM:
            self._file.write(b"\0" * (-self._file.tell() % _PAGE))
        offset = self._file.tell()
        # Not `tofile`, which forgets why the system refused: a full disk must be told as one.
        self._file.write(data.view(np.uint8).data)
        return ir.ExternalTensor(
            self._path.name,
            offset=offset,
            length=data.nbytes,
            dtype=dtype,
            shape=ir.Shape(data.shape),
            name="",
            base_dir=self._path.parent,
        )

    def _reference(self, place: ir.ExternalTensor, *, name: str, shape: tuple[int, ...]) -> ir.ExternalTensor:
        return ir.ExternalTensor(
            place.location,
            offset=place.offset,
            length=place.length,
            dtype=place.dtype,
            shape=ir.Shape(shape),
            name=name,
            base_dir=self._path.parent,
        )
