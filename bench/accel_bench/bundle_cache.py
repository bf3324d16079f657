"""A cache of bundles that benchmarks export for themselves, by content."""

import hashlib
from collections.abc import Generator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from accel_bench.base.extras import extra
from accel_runtime.base.user_cache import user_cache
from accel_runtime.manifest import MANIFEST_NAME, Device

# Beside its source, an exported graph depends on the versions of these.
_PACKAGES: Final = ("accel-sd", "torch", "diffusers", "onnxscript")


@dataclass(frozen=True, slots=True)
class BundleSpec:
    """What a bundle must hold.

    Attributes:
        model: An alias, folder or hub id.
        weights: Whether weights are the model's or random.
        dtype: Short name of the dtype, as in profiles.
        branches: Cuts of the UNet that get a shallow graph.
        schedulers: Schedulers to compile.
        max_steps: Most steps of a schedule.
        inductor: Device to compile AOTInductor packages for; None for ONNX alone.
        tome: Shares of the tokens that further graphs of the UNet merge.
        tgate: Whether there are graphs of gated calls.
    """

    model: str
    weights: Literal["trained", "random"]
    dtype: str
    branches: tuple[int, ...]
    schedulers: tuple[str, ...]
    max_steps: int
    inductor: Device | None = None
    tome: tuple[float, ...] = ()
    tgate: bool = False


def cache_folder() -> Path:
    """The folder of the cache: ``$ACCEL_CACHE``, or one in the user's cache."""
    return user_cache("bundles", variable="ACCEL_CACHE")


def find_or_export(spec: BundleSpec, *, into: Path) -> Generator[str, None, Path]:
    """Find a bundle in the cache, or export it into the cache.

    Its name holds a hash of the source's content, the options and the versions of the exporting packages.

    Args:
        spec: What the bundle must hold.
        into: Folder of the cache.

    Yields:
        What is being done.

    Returns:
        The bundle's folder.

    Raises:
        AccelError: The source cannot be read or exported.
    """
    with extra("export"):
        # It brings torch, so it is imported only where it is used.
        from accel_exporter import ExportOptions, export_bundle, open_source, parse_dtype  # noqa: PLC0415
    yield f"look for {spec.model}"
    source = open_source(spec.model, weights=spec.weights)
    options = ExportOptions(
        branches=spec.branches,
        schedulers=spec.schedulers,
        max_steps=spec.max_steps,
        dtype=parse_dtype(spec.dtype),
        tome=spec.tome,
        tgate=spec.tgate,
        with_inductor=spec.inductor is not None,
        device=spec.inductor or "cpu",
    )
    folder = into / f"{Path(spec.model).name}-{_key(source.digest, asdict(options))}"
    if not (folder / MANIFEST_NAME).exists():
        into.mkdir(parents=True, exist_ok=True)
        for stage in export_bundle(source, folder, options=options):
            yield f"export {spec.model}: {stage.name}"
    return folder


def _key(source: str, options: dict[str, Any]) -> str:
    versions = {name: version(name) for name in _PACKAGES}
    return hashlib.sha256(msgspec.json.encode([source, options, versions], order="sorted")).hexdigest()[:16]
