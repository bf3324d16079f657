"""The files of a bundle. The manifest is made to fit what was changed, as whoever hands on a bundle would make it."""

import hashlib
import os
import shutil
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from tests.bundles import kept_bundle, kept_source
from tests.fuzz.containers import change_protobuf, change_safetensors
from tests.fuzz.formats import Format, Sample
from tests.fuzz.mutate import change_bytes, change_json
from tests.fuzz.outcome import run_accel

_MANIFEST: Final = "accel.json"
_DIGEST: Final = "accel.json.sha256"
_REQUEST: Final = ("a red apple", "--steps", "2", "--plan", "every:2", "--height", "64", "--width", "64")


@cache
def small_bundle() -> Path:
    """The bundle that the tests share."""
    from accel_exporter import ExportOptions

    return kept_bundle("small", kept_source(), ExportOptions(branches=None, max_steps=20))


def place_bundle(folder: Path, sample: Sample) -> None:
    """A bundle in ``folder / "bundle"`` in which one file is another."""
    target = folder / "bundle"
    shutil.copytree(small_bundle(), target, copy_function=os.link)
    _replace(target / sample.name, sample.raw)
    if sample.name != _MANIFEST:
        manifest = msgspec.json.decode((target / _MANIFEST).read_bytes())
        manifest["files"][sample.name] = {"size": len(sample.raw), "sha256": hashlib.sha256(sample.raw).hexdigest()}
        _replace(target / _MANIFEST, msgspec.json.encode(manifest))
    stated = hashlib.sha256((target / _MANIFEST).read_bytes()).hexdigest()
    _replace(target / _DIGEST, f"{stated}  {_MANIFEST}\n".encode())


def draw(folder: Path) -> str:
    """Draw a small picture; what came out are its latents."""
    words = ("generate", "bundle", *_REQUEST, "--latents-out", "latents.npy", "--force")
    return run_accel(folder, *words, result="latents.npy")


def verify(folder: Path) -> str:
    """Check the bundle, graphs included."""
    return run_accel(folder, "verify", "bundle")


def inspect(folder: Path) -> str:
    """Print what the bundle says of itself."""
    return run_accel(folder, "inspect", "bundle")


def schedulers(folder: Path) -> str:
    """Print the tables that the bundle has."""
    return run_accel(folder, "schedulers", "bundle")


def _replace(path: Path, raw: bytes) -> None:
    path.unlink(missing_ok=True)  # it is a link to what others read
    path.write_bytes(raw)


def _samples(*patterns: str) -> tuple[Sample, ...]:
    bundle = small_bundle()
    paths = [path for pattern in patterns for path in sorted(bundle.glob(pattern))]
    return tuple(Sample(path.relative_to(bundle).as_posix(), path.read_bytes()) for path in paths)


BUNDLE: Final = (
    Format("manifest", 20, lambda: _samples(_MANIFEST), change_json, place_bundle, (draw, verify, inspect)),
    Format("graph", 10, lambda: _samples("*/*.onnx"), change_protobuf, place_bundle, (draw, draw, verify)),
    Format("weights", 2, lambda: _samples("*/*.data"), change_bytes, place_bundle, (draw, verify)),
    Format(
        "schedules",
        8,
        lambda: _samples("schedules/pndm.safetensors"),
        change_safetensors,
        place_bundle,
        (draw, schedulers),
    ),
    Format("tokenizer", 8, lambda: _samples("tokenizer/tokenizer.json"), change_json, place_bundle, (draw, verify)),
    Format(
        "tokenizer table",
        2,
        lambda: _samples("tokenizer/table.safetensors"),
        change_safetensors,
        place_bundle,
        (draw, verify),
    ),
)
