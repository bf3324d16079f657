"""Folders that many tests read, made once for each content: shared by tests, by workers and by runs.

A kept folder lies in ``$ACCEL_TEST_CACHE`` or the user's cache, under a key of all that goes into it. It is sealed by
a digest of its files, without which, or with another, it is made again. Nobody writes into one: copy it first.
"""

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec
from filelock import FileLock

from accel_bench.records.environment import read_environment

_VARIABLE: Final = "ACCEL_TEST_CACHE"
_CODE_VARIABLE: Final = "ACCEL_TEST_CODE"
_SEAL: Final = ".seal"
# What makes a bundle: the exporter with the built-in model in it, what it uses of the runtime, and the small pipelines.
_PACKAGES: Final = ("accel_exporter", "accel_runtime")
_PIPELINES: Final = tuple(Path(__file__).parent / "exporter" / name for name in ("pipelines.py", "families.py"))
_UNUSED_S: Final = 14 * 24 * 3600


def kept(name: str, make: Callable[[Path], object], *, facts: object = None) -> Path:
    """The folder ``name`` that ``make`` fills, made now unless a whole one is there.

    Args:
        name: Of the folder, for people.
        make: Makes the folder that it is given, which does not exist.
        facts: What ``make`` was told beside the code: anything that msgspec encodes.
    """
    told = msgspec.json.encode(facts, order="deterministic")
    place = cache_folder() / f"{name}-{_digest(_code(), _environment(), told)[:20]}"
    folder, seal = place / name, place.with_suffix(_SEAL)
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(place.with_suffix(".lock")):
        if not is_whole(folder):
            seal.unlink(missing_ok=True)
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            make(folder)
            seal.write_text(tree_digest(folder))
        seal.touch()
    return folder


def is_whole(folder: Path) -> bool:
    """Whether a kept folder holds what it held when it was made."""
    seal = folder.parent.with_suffix(_SEAL)
    return seal.exists() and folder.exists() and seal.read_text() == tree_digest(folder)


def cache_folder() -> Path:
    """Where kept folders lie: `accel` itself looks for nothing there."""
    chosen = os.environ.get(_VARIABLE)
    return Path(chosen).absolute() if chosen else Path.home() / ".cache" / "accel" / "tests"


def tree_digest(folder: Path) -> str:
    """SHA-256 over the names and the contents of all files."""
    return _digest(*_names_and_contents(folder))


def forget_unused() -> None:
    """Remove what no run asked for in two weeks."""
    for seal in cache_folder().glob(f"*{_SEAL}"):
        if time.time() - seal.stat().st_mtime > _UNUSED_S:
            seal.unlink(missing_ok=True)
            shutil.rmtree(seal.with_suffix(""), ignore_errors=True)
            seal.with_suffix(".lock").unlink(missing_ok=True)


@cache
def _code() -> str:
    if held := os.environ.get(_CODE_VARIABLE):
        return held
    folders = [Path(str(find_spec(package).submodule_search_locations[0])) for package in _PACKAGES]  # type: ignore[union-attr, index]
    return _digest(*map(tree_digest, folders), *(file.read_bytes() for file in _PIPELINES))


@cache
def _environment() -> str:
    packages = sorted((each.name, each.version) for each in distributions())
    here = read_environment()
    return _digest(repr(packages), sys.version, here.cpu, here.instructions)


def _names_and_contents(folder: Path) -> Iterator[str | bytes]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            yield path.relative_to(folder).as_posix()
            yield path.read_bytes()


def _digest(*parts: str | bytes) -> str:
    total = hashlib.sha256()
    for part in parts:
        content = os.fsencode(part)
        total.update(len(content).to_bytes(8, "big"))
        total.update(content)
    return total.hexdigest()
