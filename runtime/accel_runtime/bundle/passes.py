"""Whether a bundle has the graphs that a plan runs."""

from collections.abc import Iterable

from accel_runtime.errors import InputError
from accel_runtime.manifest import Manifest
from accel_runtime.plans.plan import Pass
from accel_runtime.plans.spec import PlanSpec


def check_passes(manifest: Manifest, passes: Iterable[Pass]) -> None:
    """Refuse passes that a bundle has no graphs for.

    Raises:
        InputError: It has none for some.
    """
    merged = manifest.denoiser.merged
    for branch, tome, gate in sorted(passes, key=lambda each: (each.branch is not None, each)):
        if branch is not None and branch not in manifest.branches:
            raise InputError(
                f"branch {branch} is not in the bundle: expected one of {', '.join(map(str, manifest.branches))}, "
                f"or export it with `--branches {branch}`"
            )
        if tome and tome not in merged:
            has = f"expected one of {', '.join(f'{ratio:g}' for ratio in merged)}, or" if merged else "it has none:"
            raise InputError(
                f"tome {tome:g}: the bundle has no graphs that merge this share of the tokens: {has} "
                f"export it with `--tome {tome:g}`"
            )
        if gate != "open" and not manifest.denoiser.tgate:
            raise InputError("tgate: the bundle has no graphs of gated calls: export it with `--tgate`")


def check_plan(manifest: Manifest, spec: PlanSpec) -> None:
    """Refuse a plan that names a branch, a share of tokens to merge, or gated calls, which a bundle has no graphs for.

    Raises:
        InputError: It does.
    """
    ratios = spec.tome.ratios if spec.tome else ()
    gated = [Pass(gate="gated")] if spec.tgate else []
    check_passes(manifest, [*map(Pass, spec.named_branches), *(Pass(tome=ratio) for ratio in ratios), *gated])
