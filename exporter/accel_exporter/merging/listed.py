"""How a manifest lists the graphs that merge tokens."""

from collections.abc import Sequence

import msgspec

from accel_exporter import names
from accel_runtime.manifest import Denoiser, Merged


def with_merged(denoiser: Denoiser, ratios: Sequence[float]) -> Denoiser:
    """The denoiser with a graph of every pass for each share of the tokens; itself where there are none."""
    if not ratios:
        return denoiser
    return msgspec.structs.replace(denoiser, tome={ratio: _merged(denoiser, ratio) for ratio in ratios})


def _merged(denoiser: Denoiser, ratio: float) -> Merged:
    shallow = {branch: names.merged(cut.graph, ratio) for branch, cut in denoiser.shallow.items()}
    return Merged(deep=names.merged(denoiser.deep, ratio), shallow=shallow)
