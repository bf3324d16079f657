"""What a search chose, added to the bundle under a name."""

from pathlib import Path

import msgspec

from accel_bench.base.stats import median_ratio
from accel_bench.records.search import SearchRecord
from accel_bench.search.summary import quality_of
from accel_runtime.bundle.named_plans import add_plan
from accel_runtime.errors import InputError
from accel_runtime.manifest import PLAN_NAME_EXPECTED, PlanFigures, is_plan_name, read_manifest
from accel_runtime.plans.file import read_plan
from accel_runtime.plans.solved import SolvedFor


def check_addable(folder: Path | None, name: str) -> None:
    """Refuse to add a plan to a bundle later, before any work is done.

    Raises:
        InputError: There is no bundle to add it to, the bundle does not tell its model, or the name is none.
        BundleError: The bundle's manifest cannot be read.
    """
    if folder is None:
        raise InputError("--write-bundle: expected BUNDLE, the folder to add the plan to, got --model alone")
    if not is_plan_name(name):
        raise InputError(f"--plan-name {name!r}: expected {PLAN_NAME_EXPECTED}")
    if read_manifest(folder).provenance.model is None:
        raise InputError(f"--write-bundle: {folder} does not tell which model it holds: export it again")


def add_found(folder: Path, name: str, *, plan: Path, record: SearchRecord) -> None:
    """Add a plan that a search found; it takes the place of one of the same name.

    Args:
        folder: The bundle's folder.
        name: The plan's name in the bundle.
        plan: The plan's file in the search's folder.
        record: Record of the search, whose settings the plan was judged with.

    Raises:
        AccelError: The plan cannot be read, or the bundle cannot be written.
    """
    spec, work = read_plan(plan), record.workload
    model = str(record.bundle.model)
    here = SolvedFor(model=model, guidance=work.guidance, height=work.height, width=work.width)
    named = msgspec.structs.replace(spec, solved_for=spec.solved_for or here)
    add_plan(folder, name, named, replace=True, figures=_figures(record))


def _figures(record: SearchRecord) -> PlanFigures:
    """What the search measured of the plan that it chose."""
    chosen = next(tried for tried in record.tried if tried.id == record.chosen)
    quality = quality_of(chosen, record)
    return PlanFigures(
        speedup=round(median_ratio(record.tried[0].image_s, chosen.image_s), 4),
        score=record.goal.score,
        score_loss=round(quality.loss, 6),
        pictures=len(chosen.scores.squared_error),
        record=record.id,
        psnr_db=None if quality.psnr is None else round(quality.psnr, 3),
    )
