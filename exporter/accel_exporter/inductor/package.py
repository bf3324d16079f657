"""Compile one program into a package that holds code and no weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
import torch._inductor
from torch import Tensor
from torch.export import ExportedProgram
from torch.export.passes import move_to_device_pass

from accel_exporter.program import Program, quiet
from accel_runtime.backends.inductor_package import METADATA_KEY, Constant, PackageMetadata
from accel_runtime.errors import ExportError, InputError, first_line
from accel_runtime.manifest import Device

_CONFIGS: Mapping[str, Any] = {
    # Weights stay outside and unchanged: no folded constants, which a safetensors file could not name.
    "aot_inductor.package_constants_in_so": False,
    "always_keep_tensor_constants": True,
    # Otherwise the number of threads at export would be part of the code.
    "cpp.dynamic_threads": True,
    # They would only name files of the machine that compiles.
    "aot_inductor.enable_line_tables": False,
}


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A package on disk, and the tensors that it needs."""

    path: Path
    weights: Mapping[str, Tensor]


def check_device(device: Device) -> None:
    """Refuse a device that torch does not support, before hours of work.

    Raises:
        InputError: torch does not support it.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device cuda: torch {torch.__version__} sees no GPU: use --device cpu")


def compile_package(program: Program, path: Path, *, device: Device, weights: str) -> Compiled:
    """Compile ``program`` into the package ``path``.

    Args:
        program: Program to compile.
        path: File that ends in `.pt2`.
        device: Device to compile for.
        weights: File beside the package that will hold its constants.

    Raises:
        ExportError: torch cannot compile it, most often because there is no C++ compiler.
    """
    exported = program.exported if device == "cpu" else move_to_device_pass(program.exported, device)
    held = used_tensors(exported)
    entry = PackageMetadata(
        device=device,
        torch=str(torch.__version__),
        instructions=torch.backends.cpu.get_cpu_capability() if device == "cpu" else None,
        weights=weights,
        inputs=tuple(program.traceable.inputs),
        outputs=tuple(program.traceable.outputs),
        constants={name: Constant.of(tensor) for name, tensor in held.items()},
    )
    metadata = {METADATA_KEY: msgspec.json.encode(entry, order="sorted").decode()}
    with torch.no_grad(), quiet():
        try:
            torch._inductor.aoti_compile_and_package(  # noqa: SLF001  # its documented place
                exported,
                package_path=str(path),
                inductor_configs={**_CONFIGS, "aot_inductor.metadata": metadata},
            )
        # torch's compilers raise their own types, which share no base below RuntimeError and AssertionError.
        except (RuntimeError, AssertionError, OSError) as error:
            raise ExportError(
                f"{program.traceable.name}: torch cannot compile it for {device}: {first_line(error)}: "
                "is a C++ compiler such as g++ installed?"
            ) from error
    return Compiled(path, held)


def used_tensors(exported: ExportedProgram) -> dict[str, Tensor]:
    """The parameters, buffers and constants that the graph reads, by name.

    A VAE's decoder has no use for the encoder's, which hang on the same module.
    """
    read = {node.name for node in exported.graph.find_nodes(op="placeholder") if node.users}
    names = sorted(
        spec.target for spec in exported.graph_signature.input_specs if spec.target and spec.arg.name in read
    )
    held = {**exported.state_dict, **exported.constants}
    return {name: held[name].detach() for name in names if isinstance(held[name], Tensor)}
