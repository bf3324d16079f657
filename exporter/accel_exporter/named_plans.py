"""The plans that a pipeline brings, written into a bundle of it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from accel_runtime.bundle.bundle import Bundle
from accel_runtime.bundle.named_plans import check_fits
from accel_runtime.bundle.shelves import PLANS, put
from accel_runtime.errors import InputError
from accel_runtime.manifest import Manifest
from accel_runtime.plans.file import encode_plan
from accel_runtime.plans.spec import PlanSpec


def write_plans(folder: Path, manifest: Manifest, plans: Mapping[str, PlanSpec]) -> Manifest:
    """Write plans into the folder of a bundle that is being made; returns the manifest with them.

    A plan that the bundle cannot run is left out: it was exported without the plan's scheduler, steps or branch.

    Args:
        folder: The bundle's, where all other files are.
        manifest: Its manifest, without plans.
        plans: Plans of the pipeline, by name.
    """
    bundle = Bundle(folder, manifest, digest="")
    written = {name: put(bundle, PLANS, name, encode_plan(spec)) for name, spec in _that_fit(bundle, plans)}
    files = manifest.files | dict(written.values())
    return msgspec.structs.replace(manifest, plans={name: file for name, (file, _) in written.items()}, files=files)


def _that_fit(bundle: Bundle, plans: Mapping[str, PlanSpec]) -> Iterator[tuple[str, PlanSpec]]:
    for name, spec in plans.items():
        try:
            check_fits(bundle, spec)
        except InputError:
            continue
        yield name, spec
