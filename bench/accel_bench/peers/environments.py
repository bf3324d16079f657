"""The environments of peers: their own ones, or this one if it has their packages."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from accel_bench.base.errors import PeerError
from accel_bench.base.process import failure, run_code, run_module
from accel_bench.peers.catalogue import ENVIRONMENTS, PeerKind
from accel_runtime.base.user_cache import user_cache
from accel_runtime.durable import write_folder
from accel_runtime.errors import InputError

_REQUIREMENTS: Final = Path(__file__).parent / "requirements"
# Written last and only into environments: a folder without it was not made here.
_COMPLETE: Final = "complete.txt"


def peers_folder() -> Path:
    """The folder of environments and conversions: ``$ACCEL_PEERS``, or a folder in the user's cache."""
    return user_cache("peers", variable="ACCEL_PEERS")


def python_of(kind: PeerKind) -> Path:
    """The Python that runs ``kind``: that of its own environment if it exists, otherwise this one.

    Raises:
        InputError: Neither environment has its packages.
    """
    own = _own(kind.environment)
    if own is not None:
        return own
    if _is_here(kind.environment):
        return Path(sys.executable)
    raise InputError(f"peer {kind.name} is not installed: run `accel peers install {kind.name}`")


def where(kind: PeerKind) -> str:
    """The environment that ``kind`` would run in: ``own``, ``this``, or ``missing``."""
    if _own(kind.environment) is not None:
        return "own"
    return "this" if _is_here(kind.environment) else "missing"


def requirements(environment: str) -> Path:
    """The file of an environment's pinned packages."""
    return _REQUIREMENTS / f"{environment}.txt"


def install(kind: PeerKind) -> Iterator[str]:
    """Make the environment of ``kind``, yielding each step before it is done.

    An older environment works until the new one is complete, and stays if that fails.

    Raises:
        PeerError: A step failed; the message says why.
        InputError: The folder exists and is not an environment that `install` made.
        WriteError: The folder cannot be written, or another process makes it.
    """
    folder = peers_folder() / kind.environment
    with write_folder(folder, replacing=_replaceable) as made:
        yield from _fill(made, kind.environment)


def _fill(folder: Path, name: str) -> Iterator[str]:
    packed, python = ENVIRONMENTS[name], _python(folder)
    steps: Mapping[str, list[str]] = {
        f"make the environment {name}": run_module("venv", folder),
        f"install {requirements(name).name}": _pip(python, "install", "--requirement", str(requirements(name))),
        **{f"take out {package}": _pip(python, "uninstall", "--yes", package) for package in packed.without},
        f"try {', '.join(packed.modules)}": run_code(f"import {', '.join(packed.modules)}", python=python),
    }
    for step, command in steps.items():
        yield step
        done = subprocess.run(command, capture_output=True, check=False, env=environ())  # noqa: S603  # ours
        if done.returncode:
            raise PeerError(f"{step}: {failure(done.returncode, done.stderr.decode(errors='replace'))}")
    (folder / _COMPLETE).write_text(requirements(name).read_text())


def environ() -> dict[str, str]:
    """Environment variables of a peer's process: it stays offline and imports nothing from here."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    ours = {"PYTHONSAFEPATH": "1", "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    return kept | ours | {"TOKENIZERS_PARALLELISM": "false"}


@contextmanager
def _replaceable(folder: Path) -> Iterator[None]:
    """Allow replacing an environment that `install` made, and no other folder.

    Raises:
        InputError: The folder is something else.
    """
    if not all((folder / name).is_file() for name in (_COMPLETE, "pyvenv.cfg")):
        raise InputError(f"{folder}: was not made by `accel peers install`, so it is not replaced: move it elsewhere")
    yield


def _pip(python: Path, *arguments: str) -> list[str]:
    return run_module("pip", *arguments, "--quiet", "--disable-pip-version-check", python=python)


def _own(environment: str) -> Path | None:
    folder = peers_folder() / environment
    return _python(folder) if (folder / _COMPLETE).is_file() else None


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _is_here(environment: str) -> bool:
    return all(_can_import(module) for module in ENVIRONMENTS[environment].modules)


def _can_import(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the parent package of a submodule
        return False
