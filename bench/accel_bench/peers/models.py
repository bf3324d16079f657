"""The models that peers open: the folder of weights, its check against the bundle, and its conversions."""

import hashlib
import mmap
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from accel_bench.base.errors import PeerError
from accel_bench.base.process import failure, run_module
from accel_bench.peers.catalogue import PeerKind
from accel_bench.peers.environments import environ, peers_folder, requirements
from accel_runtime.bundle.bundle import describe_file, read_bundle
from accel_runtime.durable import write_folder
from accel_runtime.errors import InputError

_UNET: Final = "unet/diffusion_pytorch_model.safetensors"
# The first and the last convolution: no exporter folds them into other weights.
_TELLING: Final = ("conv_in.weight", "conv_out.weight")
# The name of the output folder follows.
_COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "openvino": ("optimum.commands.optimum_cli", "export", "openvino", "--weight-format", "fp32"),
    "onnx": ("optimum.commands.optimum_cli", "export", "onnx"),
}


def check_weights(folder: Path, *, bundle: Path) -> None:
    """Refuse a folder that peers cannot read, or that holds other weights than the bundle.

    Raises:
        InputError: The message says which, and how to make a folder.
    """
    advice = "`accel peers weights SOURCE -o FOLDER` writes one"
    if not (folder / "model_index.json").is_file():
        raise InputError(f"{folder}: expected a diffusers folder with model_index.json: {advice}")
    if not (folder / _UNET).is_file():
        raise InputError(f"{folder}: expected weights in {_UNET}, which peers read: {advice}")
    opened = read_bundle(bundle, verification="sizes")
    dtype, deep = opened.manifest.dtype, opened.manifest.deep.file
    files = [opened.path(file) for file in (deep, *opened.reads[deep])]
    for name, values in _tensors(folder / _UNET):
        if not any(_contains(path, _stored(values, dtype)) for path in files):
            raise InputError(
                f"{folder}: the UNet's {name} is not the bundle's: give the weights that {bundle} was exported from"
            )


def _tensors(path: Path) -> Iterator[tuple[str, NDArray[np.float32]]]:
    try:
        with safe_open(path, framework="np") as file:
            for name in _TELLING:
                yield name, file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not the weights of a UNet: {error}") from error


def _stored(values: NDArray[np.float32], dtype: str) -> bytes:
    """The bytes of weights in a bundle of the precision ``dtype``."""
    if dtype != "bfloat16":
        return values.astype(dtype).tobytes()
    # bfloat16 is the upper half of float32, rounded to the nearest, ties to even; numpy has no such type.
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16).tobytes()


def _contains(path: Path, content: bytes) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
        return held.find(content) >= 0


def converted(kind: PeerKind, weights: Path, *, python: Path, tell: Callable[[str], None]) -> Path:
    """The conversion of ``weights`` for ``kind``; it is made if it does not exist.

    Args:
        kind: A peer that opens a conversion.
        weights: Diffusers folder.
        python: Python of the peer's environment, which has the exporter.
        tell: Called with a message before the conversion begins.

    Raises:
        PeerError: The peer's exporter failed.
        WriteError: The conversion cannot be written, or another process makes it.
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
    """A hash of the contents of all files, and of the packages that convert them."""
    hashed = hashlib.sha256(requirements(kind.environment).read_bytes())
    for path in sorted(path for path in weights.rglob("*") if path.is_file()):
        hashed.update(path.relative_to(weights).as_posix().encode() + b"\0")
        hashed.update(bytes.fromhex(describe_file(path).sha256))
    return hashed.hexdigest()[:16]
