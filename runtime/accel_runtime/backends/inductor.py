"""AOTInductor packages as a backend: the one file of the runtime that knows torch.

A package called before its weights are loaded ends the process. So there is no session without
weights: `load` checks every constant by name, dtype and shape, hands all of them to the package, and
only then makes the object that can be called. Graphs that name the same weights file share one copy.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from accel_runtime.backends.base import Array, Artifact, BackendDescription, Buffer
from accel_runtime.backends.inductor_package import Constant, PackageMetadata, read_metadata
from accel_runtime.errors import BackendError, InputError, MissingExtraError, explained
from accel_runtime.manifest import Device, TensorSpec

# torch's names for what a CPU can do, each able to run what the ones before it can.
_INSTRUCTIONS = ("DEFAULT", "AVX2", "AVX512")


class InductorBackend:
    """Packages on the CPU or on a GPU of CUDA or ROCm.

    Args:
        device: Device that the packages were compiled for.
        threads: Threads inside an operator, for all of torch in this process; None leaves the choice to torch.

    Raises:
        BackendError: The installed torch has no such device.
        InputError: Threads for a GPU.
        MissingExtraError: torch is not installed.
    """

    def __init__(self, device: Device = "cpu", *, threads: int | None = None) -> None:
        self._torch = _import_torch()
        self._device = device
        self._weights: dict[Path, dict[str, Any]] = {}
        if device == "cuda" and not self._torch.cuda.is_available():
            raise BackendError(f"torch {self._torch.__version__} sees no GPU: use `--provider inductor`, or cpu")
        if threads is not None:
            if device != "cpu":
                raise InputError("threads are the CPU's: leave them out on a GPU")
            self._torch.set_num_threads(threads)

    @property
    def name(self) -> str:
        """See `Backend.name`."""
        return "inductor"

    @property
    def artifact(self) -> Artifact:
        """AOTInductor packages; see `Backend.artifact`."""
        return "inductor"

    @property
    def on_host(self) -> bool:
        """See `Backend.on_host`."""
        return self._device == "cpu"

    def load(self, path: Path, *, inputs: Sequence[TensorSpec] = (), tolerant: bool = False) -> "InductorSession":  # noqa: ARG002  # a package knows its own
        """Load a package and its weights; see `Backend.load`."""
        metadata = read_metadata(path)
        self._check_machine(path, metadata)
        constants = self._constants(path, metadata)
        with explained(f"{path}: torch cannot load the package"):
            package = self._torch._inductor.aoti_load_package(str(path))  # noqa: SLF001  # its documented place
            if unknown := set(package.get_constant_fqns()) - set(constants):
                raise BackendError(f"{path}: the package wants {min(unknown)}, which its metadata does not name")
            wanted = {name: constants[name] for name in package.get_constant_fqns()}
            package.load_constants(wanted, check_full_update=True, user_managed=True)
        wait = self._torch.cuda.synchronize if self._device == "cuda" else _nothing
        return InductorSession(package.loader, metadata, weights=wanted, path=path, wait=wait)

    def allocate(self, shape: tuple[int, ...], dtype: str = "float32") -> "TorchBuffer":
        """A zeroed tensor on the device; see `Backend.allocate`."""
        with explained(f"no memory for {dtype} {list(shape)}"):
            zeros = self._torch.zeros(shape, dtype=getattr(self._torch, dtype), device=self._device)
        return TorchBuffer(zeros, self._torch)

    def describe(self) -> BackendDescription:
        """What really runs; `load` has refused packages for anything else."""
        torch = self._torch
        options: dict[str, str | int | bool] = {"weights_shared": True, "outputs_copied": True}
        if self._device == "cpu":
            options |= {"threads": torch.get_num_threads(), "instructions": torch.backends.cpu.get_cpu_capability()}
        else:
            options |= {"gpu": torch.cuda.get_device_name()}
        return BackendDescription(
            backend="torch", version=str(torch.__version__), provider=f"AOTInductor-{self._device}", options=options
        )

    def _check_machine(self, path: Path, metadata: PackageMetadata) -> None:
        """Refuse code that was compiled for something else: running it would end the process."""
        again = f"export the bundle here with `accel export --artifact inductor --device {self._device}`"
        if metadata.device != self._device:
            raise BackendError(f"{path}: compiled for {metadata.device}, asked to run on {self._device}: {again}")
        running = self._torch.__version__
        if _release(metadata.torch, self._device) != _release(running, self._device):
            raise BackendError(
                f"{path}: compiled by torch {metadata.torch}, but {running} is installed: "
                f"install that version, or {again}"
            )
        here = self._torch.backends.cpu.get_cpu_capability()
        if metadata.device == "cpu" and not _can_run(metadata.instructions, here):
            raise BackendError(f"{path}: compiled for {metadata.instructions}, but this CPU has {here}: {again}")

    def _constants(self, path: Path, metadata: PackageMetadata) -> dict[str, Any]:
        """The package's weights, each as its metadata describes it."""
        file = path.parent / metadata.weights
        held = self._read_weights(file)
        for name, expected in metadata.constants.items():
            if name not in held:
                raise BackendError(f"{file}: {name} is missing, which {path.name} needs: export the bundle again")
            tensor = held[name]
            actual = Constant.of(tensor)
            if actual != expected:
                raise BackendError(
                    f"{file}: {name}: {path.name} expects {expected}, got {actual}: export the bundle again"
                )
        return {name: held[name] for name in metadata.constants}

    def _read_weights(self, file: Path) -> dict[str, Any]:
        """All tensors of a file on the device; read once for all packages that name it."""
        from safetensors.torch import load_file  # noqa: PLC0415  # imports torch

        if file not in self._weights:
            with explained(f"{file}: cannot be read, export the bundle again"):
                self._weights[file] = load_file(file, device=self._device)
        return self._weights[file]


@dataclass(frozen=True, slots=True, eq=False)
class TorchBuffer:
    """A C-contiguous tensor; on the CPU `read` is its own memory, seen by numpy."""

    tensor: Any
    torch: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape."""
        return tuple(self.tensor.shape)

    def write(self, values: Array) -> None:
        """Copy ``values`` into the tensor."""
        self.tensor.copy_(self.torch.from_numpy(np.require(values, requirements=["C", "W"])))

    def read(self) -> Array:
        """The contents: the memory itself on the CPU, a copy from a GPU."""
        array: Array = self.tensor.cpu().numpy()
        return array

    def rows(self, start: int, stop: int) -> "TorchBuffer":
        """A view on some batch entries; rows of a C-contiguous tensor stay contiguous."""
        return TorchBuffer(self.tensor[start:stop], self.torch)


@dataclass(frozen=True, slots=True, eq=False)
class InductorSession:
    """A package whose weights are loaded.

    Attributes:
        loader: torch's.
        metadata: Metadata of the package.
        weights: Kept alive, for the package only points to them.
        path: The package, for messages.
        wait: Returns when the device has done what it was given.
    """

    loader: Any
    metadata: PackageMetadata
    weights: Mapping[str, Any]
    path: Path
    wait: Callable[[], None]

    def bind(self, inputs: Mapping[str, Buffer], outputs: Mapping[str, Buffer]) -> "InductorCall":
        """Put tensors in the package's order; see `Session.bind`."""
        _check_names(self.path, set(self.metadata.inputs), given=set(inputs))
        _check_names(self.path, set(self.metadata.outputs) & set(outputs), given=set(outputs))
        return InductorCall(
            session=self,
            inputs=tuple(_tensor(inputs[name]) for name in self.metadata.inputs),
            outputs=tuple(
                (index, _tensor(outputs[name])) for index, name in enumerate(self.metadata.outputs) if name in outputs
            ),
        )


@dataclass(frozen=True, slots=True, eq=False)
class InductorCall:
    """A package with bound tensors; ``outputs`` are (position, target)."""

    session: InductorSession
    inputs: tuple[Any, ...]
    outputs: tuple[tuple[int, Any], ...]

    def run(self) -> None:
        """Execute once; see `BoundCall.run`. The package allocates its outputs, so they are copied."""
        with explained(f"{self.session.path}: the package failed"):
            # The call empties the list that it is given.
            made = self.session.loader.boxed_run(list(self.inputs))
            for index, target in self.outputs:
                target.copy_(made[index])
            # A call that only was begun could not be timed, nor its failure be told.
            self.session.wait()


def _nothing() -> None:
    """The CPU is done when a call returns."""


def _import_torch() -> Any:
    try:
        import torch  # noqa: PLC0415  # the heaviest extra, asked for only where it is used
        import torch._inductor  # noqa: PLC0415  # not brought by torch itself
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingExtraError("torch", extra="inductor") from None
    return torch


def _tensor(buffer: Buffer) -> Any:
    if not isinstance(buffer, TorchBuffer):
        raise BackendError(f"expected a buffer of this backend's `allocate`, got {type(buffer).__name__}")
    return buffer.tensor


def _check_names(path: Path, expected: set[str], *, given: set[str]) -> None:
    if expected != given:
        raise BackendError(f"{path}: expected {', '.join(sorted(expected))}, got {', '.join(sorted(given))}")


def _release(version: str, device: Device) -> str:
    """What must agree: on the CPU the release, on a GPU the build too, such as `2.13.0+cu128`."""
    return version.partition("+")[0] if device == "cpu" else version


def _can_run(compiled_for: str | None, here: str) -> bool:
    if compiled_for in _INSTRUCTIONS and here in _INSTRUCTIONS:
        return _INSTRUCTIONS.index(here) >= _INSTRUCTIONS.index(compiled_for)
    return compiled_for == here
