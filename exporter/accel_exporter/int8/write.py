"""Write the quantised graphs of a UNet over one file of weights, check them, and let them take the places of others."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from shutil import copyfileobj, rmtree
from typing import Final, Literal

import numpy as np
import onnx_ir as ir

from accel_exporter.check import Reference, check_graph
from accel_exporter.int8.choose import Choice
from accel_exporter.int8.layers import all_layers
from accel_exporter.int8.rewrite import Range, quantise, quantise_weights
from accel_exporter.passes import noise_only
from accel_exporter.weights import WeightStore
from accel_exporter.write import part_of
from accel_runtime.backends import OnnxRuntimeBackend
from accel_runtime.bundle.bundle import describe_file
from accel_runtime.durable import write_file
from accel_runtime.manifest import FileSpec, Manifest

# Of the largest value of an output; more is no rounding but a broken graph.
_BROKEN: Final = 0.5
_WEIGHTS: Final = "weights.data"
_FOR_OTHERS: Final = "model.onnx"


@dataclass(frozen=True, slots=True)
class QuantisedUNet:
    """The UNet of a bundle with some layers quantised.

    Attributes:
        folder: The bundle's.
        deep: Path of the deep pass in it.
        kind: See `accel_exporter.int8.options.Int8`.
        ranges: Of `mixed`, see `accel_exporter.int8.rewrite.quantise`.
        choice: Which layers.
    """

    folder: Path
    deep: str
    kind: Literal["mixed", "weights"]
    ranges: Mapping[str, Range] = field(default_factory=dict)
    choice: Choice = field(default_factory=partial(Choice, (), None))

    def all_names(self) -> tuple[str, ...]:
        """Every layer with weights, by name."""
        return tuple(layer.name for layer in all_layers(ir.load(self.folder / self.deep)))

    @contextmanager
    def tried(self) -> Iterator[Path]:
        """The deep pass alone, in a file that is gone after the block."""
        folder = (self.folder / self.deep).parent / "tried"
        folder.mkdir()
        try:
            with WeightStore(folder / _WEIGHTS) as store:
                graph = self._save(self.deep, folder, store)
            yield graph
        finally:
            rmtree(folder)

    def write(self, manifest: Manifest, reference: Reference) -> dict[str, float]:
        """Replace the UNet's graphs and weights in the bundle's folder.

        Args:
            manifest: Names the graphs.
            reference: Inputs of the deep pass, and what it makes of them in float32.

        Returns:
            The largest relative difference of each graph, in two digits.

        Raises:
            ExportError: A graph computes something else.
        """
        graphs = [manifest.denoiser.deep, *(cut.graph for cut in manifest.denoiser.shallow.values())]
        place = (self.folder / self.deep).parent
        beside = place / "quantised"
        beside.mkdir()
        with WeightStore(beside / _WEIGHTS) as store:
            for name in graphs:
                self._save(manifest.graphs[name].file, beside, store)
        ir.save(noise_only(ir.load(beside / Path(self.deep).name)), beside / _FOR_OTHERS)
        errors = {
            name: check_graph(
                beside / Path(manifest.graphs[name].file).name,
                part_of(reference, manifest.graphs[name]),
                tolerance=_BROKEN,
                backend=OnnxRuntimeBackend("cpu"),
            )
            for name in graphs
        }
        for path in sorted(beside.iterdir()):
            with path.open("rb") as made:
                write_file(place / path.name, partial(copyfileobj, made))
        rmtree(beside)
        return {name: float(f"{error:.1e}") for name, error in errors.items()}

    def files(self) -> dict[str, FileSpec]:
        """What the manifest says of the UNet's files as they are now."""
        found = sorted((self.folder / self.deep).parent.iterdir())
        return {path.relative_to(self.folder).as_posix(): describe_file(path) for path in found}

    def _save(self, file: str, folder: Path, store: WeightStore) -> Path:
        model = ir.load(self.folder / file)
        if self.kind == "weights":
            model = quantise_weights(model)
        else:
            model = quantise(model, self.ranges, names=set(self.choice.layers))
        _leave_file(model)
        store.move(model)
        path = folder / Path(file).name
        ir.save(model, path)
        return path


def _leave_file(model: ir.Model) -> None:
    """Let weights that stay in float32 be read from the old file, and not be references into it."""
    for value in model.graph.initializers.values():
        if isinstance(tensor := value.const_value, ir.ExternalTensor):
            value.const_value = ir.LazyTensor(
                partial(_read, tensor), dtype=tensor.dtype, shape=tensor.shape, name=tensor.name
            )


def _read(tensor: ir.ExternalTensor) -> ir.TensorProtocol:
    return ir.tensor(np.array(tensor.numpy()))
