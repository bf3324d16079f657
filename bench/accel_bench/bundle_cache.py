"""Bundles that benchmarks make for themselves, kept by content."""

import hashlib
from collections.abc import Generator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from accel_bench.base.extras import extra
from accel_runtime.manifest import MANIFEST_NAME, Device
from accel_runtime.user_cache import user_cache

# What an exported graph depends on, beside its source.
_PACKAGES: Final = ("accel-sd", "torch", "diffusers", "onnxscript")


@dataclass(frozen=True, slots=True)
class BundleSpec:
    """A bundle that configs need.

    Attributes:
        model: An alias, folder or hub id.
        dtype: As in a profile.
        branches: Of all configs.
        schedulers: Same.
        max_steps: Same.
        inductor: The device that packages are to be compiled for; None for ONNX alone.
    """

    model: str
    weights: Literal["trained", "random"]
    dtype: str
    branches: tuple[int, ...]
    schedulers: tuple[str, ...]
    max_steps: int
    inductor: Device | None = None


def cache_folder() -> Path:
    """Where such bundles are kept: ``$ACCEL_CACHE``, or a folder of the user's cache."""
    return user_cache("bundles", variable="ACCEL_CACHE")


def find_or_export(wanted: BundleSpec, *, into: Path) -> Generator[str, None, Path]:
    """Yield what is being done; returns the bundle's folder.

    Its name is the hash of the source's content, the options and the versions that export it.

    Raises:
        AccelError: The source cannot be read, or not be exported.
    """
    with extra("export"):
        # It brings torch, so it is imported only where it is used.
        from accel_exporter import ExportOptions, export_bundle, open_source, parse_dtype  # noqa: PLC0415
    yield f"look for {wanted.model}"
    source = open_source(wanted.model, weights=wanted.weights)
    options = ExportOptions(
        branches=wanted.branches,
        schedulers=wanted.schedulers,
        max_steps=wanted.max_steps,
        dtype=parse_dtype(wanted.dtype),
        with_inductor=wanted.inductor is not None,
        device=wanted.inductor or "cpu",
    )
    folder = into / f"{Path(wanted.model).name}-{_key(source.digest, asdict(options))}"
    if not (folder / MANIFEST_NAME).exists():
        into.mkdir(parents=True, exist_ok=True)
        for stage in export_bundle(source, folder, options=options):
            yield f"export {wanted.model}: {stage.name}"
    return folder


def _key(source: str, options: dict[str, Any]) -> str:
    versions = {name: version(name) for name in _PACKAGES}
    return hashlib.sha256(msgspec.json.encode([source, options, versions], order="sorted")).hexdigest()[:16]
