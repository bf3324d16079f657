"""The same weights in the form that a peer reads, made once by the peer's own exporter."""

import hashlib
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from accel_bench.base.errors import PeerError
from accel_bench.base.process import failure, run_module
from accel_bench.peers.catalogue import PeerKind
from accel_bench.peers.environments import environ, peers_folder, requirements
from accel_runtime.bundle import describe_file
from accel_runtime.durable import write_folder

# Behind them go the output folder's name.
_COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "openvino": ("optimum.commands.optimum_cli", "export", "openvino", "--weight-format", "fp32"),
    "onnx": ("optimum.commands.optimum_cli", "export", "onnx"),
}


def converted(kind: PeerKind, weights: Path, *, python: Path, tell: Callable[[str], None]) -> Path:
    """The conversion of ``weights`` for ``kind``, made now if it is not there yet.

    Args:
        kind: Reads a conversion.
        weights: A diffusers folder.
        python: Of the peer's environment, which has the exporter.
        tell: Is told when the long work begins.

    Raises:
        PeerError: The peer's exporter failed.
        WriteError: Another process makes it, or it cannot be written.
    """
    target = peers_folder() / "converted" / f"{kind.model}-{_key(kind, weights)}"
    if not target.is_dir():
        tell(f"converting {weights} for {kind.name}: this is done once")
        _convert(kind, weights, python=python, target=target)
    return target


def _convert(kind: PeerKind, weights: Path, *, python: Path, target: Path) -> None:
    module, *arguments = _COMMANDS[kind.model]
    task = ("--task", "text-to-image", "--model", str(weights))
    with write_folder(target) as folder:
        command = run_module(module, *arguments, *task, folder, python=python)
        done = subprocess.run(command, capture_output=True, check=False, env=environ())  # noqa: S603  # ours
        if done.returncode:
            reason = failure(done.returncode, done.stderr.decode(errors="replace"))
            raise PeerError(f"peer {kind.name}: {weights} cannot be converted: {reason}")


def _key(kind: PeerKind, weights: Path) -> str:
    """Of all files' contents, and of what converts them."""
    hashed = hashlib.sha256(requirements(kind.environment).read_bytes())
    for path in sorted(path for path in weights.rglob("*") if path.is_file()):
        hashed.update(path.relative_to(weights).as_posix().encode() + b"\0")
        hashed.update(bytes.fromhex(describe_file(path).sha256))
    return hashed.hexdigest()[:16]
