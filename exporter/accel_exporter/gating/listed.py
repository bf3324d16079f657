"""How a manifest lists the graphs of gated calls."""

from collections.abc import Mapping

import msgspec

from accel_exporter import names
from accel_runtime.manifest import Denoiser, Gated, GraphSpec


def with_gated(denoiser: Denoiser, graphs: Mapping[str, GraphSpec]) -> Denoiser:
    """The denoiser with the graphs of gated calls; itself where ``graphs`` has none."""
    keeps = names.keeping(denoiser.deep)
    if keeps not in graphs:
        return denoiser
    outputs = [tensor.name for tensor in graphs[keeps].outputs]
    gated = Gated(
        keeps=keeps,
        deep=names.gated(denoiser.deep),
        shallow={branch: names.gated(cut.graph) for branch, cut in denoiser.shallow.items()},
        kept=tuple(filter(names.is_attended, outputs)),
    )
    return msgspec.structs.replace(denoiser, tgate=gated)
