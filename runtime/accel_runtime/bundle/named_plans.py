"""The plans of a bundle: files as docs/plans.md has them, under names that the manifest gives them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from accel_runtime.bundle.bundle import Bundle
from accel_runtime.bundle.passes import check_plan
from accel_runtime.bundle.schedules import BundleSchedules
from accel_runtime.bundle.shelves import PLANS, changing, publish, put, relisted
from accel_runtime.errors import BundleError, InputError
from accel_runtime.manifest import (
    MANIFEST_NAME,
    PLAN_NAME_EXPECTED,
    FileSpec,
    Manifest,
    PlanFigures,
    encode_manifest,
    is_plan_name,
    parse_manifest,
)
from accel_runtime.manifest.digest import read_checked
from accel_runtime.plans.compile import compile_plan
from accel_runtime.plans.file import LARGEST_PLAN, encode_plan, parse_plan
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.schedules.file import MissingTableError

# A plan with guidance has more that can be wrong than one without.
_GUIDANCE: Final = 7.5


@dataclass(frozen=True, slots=True, eq=False)
class BundlePlans:
    """All plans of a bundle, as they were when it was opened.

    Attributes:
        bundle: The bundle.
        contents: Bytes of each plan's file, by its path in the bundle.
    """

    bundle: Bundle
    contents: Mapping[str, bytes]

    @classmethod
    def read(cls, bundle: Bundle) -> "BundlePlans":
        """Read all files, which may be gone once more was added to the bundle.

        Raises:
            BundleError: A file cannot be read, is too large for a plan, or has changed.
        """
        return cls(bundle, {file: _read(bundle, file) for file in bundle.manifest.plans.values()})

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in alphabetical order."""
        return tuple(sorted(self.bundle.manifest.plans))

    def plan(self, name: str) -> PlanSpec:
        """The plan of a name.

        Raises:
            InputError: The bundle has no plan of that name.
            BundleError: The file holds no plan.
        """
        if name not in self.names:
            others = f"expected one of {', '.join(self.names)}" if self.names else "it has none"
            raise InputError(f"plan {name!r} is not in {self.bundle.folder}: {others}; `accel plans add` adds one")
        file = self.bundle.manifest.plans[name]
        return parse_plan(self.contents[file], self.bundle.path(file), error=BundleError)


def read_plans(folder: Path) -> BundlePlans:
    """The plans of the bundle in ``folder``, of which no other file but the manifest is looked at.

    Raises:
        BundleError: There is no bundle, or its manifest or a plan's file cannot be read or has changed.
    """
    raw, digest = read_checked(folder)
    return BundlePlans.read(Bundle(folder, parse_manifest(raw, folder / MANIFEST_NAME), digest))


def add_plan(
    folder: Path, name: str, spec: PlanSpec, *, replace: bool = False, figures: PlanFigures | None = None
) -> Manifest:
    """Add a plan to a bundle; returns the new manifest.

    One process at a time adds, to what the bundle is by then. The manifest is renamed into place last, so a reader sees
    the old bundle or the new one. The file that the new one replaces stays until the next change of the plans.

    Args:
        folder: The bundle's folder.
        name: The plan's name in the bundle.
        spec: The plan, with scheduler and steps.
        replace: Whether the plan may take the place of another one of that name.
        figures: What was measured of it; None keeps what is told of the same plan, and
            forgets what is told of another one.

    Raises:
        InputError: The name is none or is taken, or the plan cannot be run on the bundle.
        BundleError: The bundle cannot be read.
        WriteError: It cannot be written; it is as it was.
    """
    if not is_plan_name(name):
        raise InputError(f"plan {name!r}: expected {PLAN_NAME_EXPECTED}")
    with changing(folder) as bundle:
        plans, content = bundle.manifest.plans, encode_plan(spec)
        taken = plans.get(name, PLANS.path(name, content)) != PLANS.path(name, content)
        if taken and not replace:
            raise InputError(f"plan {name!r} is in {folder} already: choose another name, or replace it with --replace")
        check_fits(bundle, spec)
        file, described = put(bundle, PLANS, name, content)
        used = {**plans, name: file}
        files = relisted(bundle, PLANS, used=used.values(), superseded=plans.get(name)) | {file: described}
        return _publish(bundle, used, files=files, figures={name: figures} if figures else {})


def remove_plan(folder: Path, name: str) -> Manifest:
    """Take a plan out of a bundle, as `add_plan` adds one; returns the new manifest.

    Raises:
        InputError: The bundle has no plan of that name.
        BundleError: The bundle cannot be read.
        WriteError: It cannot be written; it is as it was.
    """
    with changing(folder) as bundle:
        plans = bundle.manifest.plans
        if name not in plans:
            raise InputError(f"plan {name!r} is not in {folder}: there is {', '.join(sorted(plans)) or 'none'}")
        used = {other: file for other, file in plans.items() if other != name}
        files = relisted(bundle, PLANS, used=used.values(), superseded=plans[name])
        return _publish(bundle, used, files=files, figures={})


def digest_without_plans(bundle: Bundle) -> str:
    """The digest that a bundle had before any plan was added to it: of all that its pictures depend on.

    Whoever keeps results of a bundle, and then adds a plan to it, finds the results again by this digest.
    """
    files = relisted(bundle, PLANS, used=(), superseded=None)
    manifest = msgspec.structs.replace(bundle.manifest, plans={}, plan_figures={}, files=files)
    return hashlib.sha256(encode_manifest(manifest)).hexdigest()


def check_fits(bundle: Bundle, spec: PlanSpec) -> None:
    """Refuse a plan that cannot be run on a bundle as it is.

    Raises:
        InputError: The plan leaves scheduler or steps open, or the bundle lacks a branch or the schedule.
        BundleError: The schedule's file cannot be read.
    """
    if spec.scheduler is None or spec.steps is None:
        raise InputError("plan: expected scheduler and steps, got none: `accel plan` writes a plan with both")
    check_plan(bundle.manifest, spec)
    try:
        schedule = BundleSchedules.read(bundle).table(spec.steps, spec.scheduler)
    except MissingTableError as missing:
        command = f"accel schedules add {bundle.folder} {spec.scheduler} --steps {spec.steps}"
        raise MissingTableError(f"{missing}: run `{command}` first") from missing
    compile_plan(spec, schedule, guidance=_GUIDANCE)


def _publish(
    bundle: Bundle, plans: dict[str, str], *, files: dict[str, FileSpec], figures: Mapping[str, PlanFigures]
) -> Manifest:
    """Put new plans in place, with new ``figures`` of some, and the old ones of those whose file is as it was."""
    before = bundle.manifest
    same = {name: old for name, old in before.plan_figures.items() if plans.get(name) == before.plans[name]}
    manifest = msgspec.structs.replace(before, plans=plans, files=files, plan_figures={**same, **figures})
    publish(bundle.folder, manifest, shelf=PLANS)
    return manifest


def _read(bundle: Bundle, file: str) -> bytes:
    size = bundle.manifest.files[file].size
    if size > LARGEST_PLAN:
        raise BundleError(f"{bundle.path(file)}: expected a plan of at most {LARGEST_PLAN} bytes, got {size}")
    return bundle.read(file)
