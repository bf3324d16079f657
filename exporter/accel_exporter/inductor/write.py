"""The packages of a bundle: compile, write the weights, check, describe."""

from collections.abc import Mapping
from pathlib import Path

import torch

from accel_exporter.check import Reference, check_graph
from accel_exporter.inductor.package import Compiled, check_device, compile_package
from accel_exporter.inductor.shallow import shallow_program
from accel_exporter.inductor.weights import write_weights
from accel_exporter.program import Program
from accel_exporter.traced import Traced
from accel_exporter.write import part_of
from accel_runtime.backends import InductorBackend
from accel_runtime.manifest import Device, GraphSpec, InductorGraph, InductorSpec

FOLDER = "inductor"


class PackageWriter:
    """Writes `inductor/` of a bundle, one component after the other.

    Args:
        folder: Folder of the new bundle.
        device: Device to compile for.

    Raises:
        InputError: torch does not have the device.
    """

    def __init__(self, folder: Path, device: Device) -> None:
        check_device(device)
        self._folder = folder / FOLDER
        self._device: Device = device
        self._graphs: dict[str, InductorGraph] = {}

    def add(self, traced: Traced, *, tolerance: float) -> None:
        """Compile a component of one graph.

        Args:
            traced: The component.
            tolerance: Largest relative difference between a package and torch.

        Raises:
            ExportError: torch cannot compile it, or the package differs from torch.
        """
        program = traced.program
        component = program.traceable.name
        compiled = self._compile(program, component=component)
        self._write_weights([compiled], component)
        self._check(compiled, traced.reference, component=component, tolerance=tolerance)

    def add_unet(self, deep: Traced, specs: Mapping[int, GraphSpec], *, tolerance: float) -> None:
        """Compile the deep pass and, by branch, the shallow ones over one file of weights.

        Args:
            deep: The deep pass.
            specs: The shallow ONNX graphs, whose contracts the packages keep.
            tolerance: As in `add`.

        Raises:
            ExportError: torch cannot compile one, or a package differs from torch.
        """
        shallow = {k: shallow_program(deep.program, k, spec=spec) for k, spec in specs.items()}
        compiled = self._compile(deep.program, component="unet")
        parts = {k: self._compile(program, component="unet") for k, program in shallow.items()}
        self._write_weights([compiled, *parts.values()], "unet")
        self._check(compiled, deep.reference, component="unet", tolerance=tolerance)
        for k, part in parts.items():
            self._check(part, part_of(deep.reference, specs[k]), component="unet", tolerance=tolerance)

    def spec(self) -> InductorSpec:
        """The manifest's section."""
        return InductorSpec(device=self._device, torch=str(torch.__version__), graphs=self._graphs)

    def _compile(self, program: Program, *, component: str) -> Compiled:
        self._folder.mkdir(exist_ok=True)
        path = self._folder / f"{program.traceable.name}.pt2"
        return compile_package(program, path, device=self._device, weights=f"{component}.safetensors")

    def _write_weights(self, compiled: list[Compiled], component: str) -> None:
        write_weights((each.weights for each in compiled), self._folder / f"{component}.safetensors")

    def _check(self, compiled: Compiled, reference: Reference, *, component: str, tolerance: float) -> None:
        """Run the package by the runtime's own backend, as every ONNX graph is."""
        backend = InductorBackend(self._device)
        error = check_graph(compiled.path, reference, tolerance=tolerance, backend=backend)
        self._graphs[compiled.path.stem] = InductorGraph(
            file=f"{FOLDER}/{compiled.path.name}",
            weights=f"{FOLDER}/{component}.safetensors",
            relative_error=float(f"{error:.1e}"),
        )
