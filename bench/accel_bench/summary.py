"""Statistics of a record, computed when asked: the record itself holds only raw samples."""

from collections.abc import Sequence
from statistics import median

import msgspec

from accel_bench.record import PlanRun, RunRecord

DEEP = "unet_deep"


class Spread(msgspec.Struct, frozen=True):
    """The middle and the ends of some samples."""

    median: float
    low: float
    high: float
    samples: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Summarise ``values``; at least one."""
        return cls(median=median(values), low=min(values), high=max(values), samples=len(values))


def times(spread: Spread) -> str:
    """A spread of speed-ups as text."""
    return f"{spread.median:.2f}× [{spread.low:.2f} – {spread.high:.2f}]"


class GraphSummary(msgspec.Struct, frozen=True):
    """One graph over all plans and rounds.

    Attributes:
        seconds: Of one run.
        of_deep: Median over the deep pass's median; None for graphs that are not the UNet's.
    """

    graph: str
    seconds: Spread
    of_deep: float | None


class PlanSummary(msgspec.Struct, frozen=True):
    """One plan against the baseline of the same rounds.

    Attributes:
        image_s: End to end.
        speedup: Baseline's seconds over this plan's, round by round.
        unet_speedup: The same for the UNet's graphs alone.
        unet_ceiling: What the FLOPs of its calls would allow the UNet.
        overhead_us: Of the loop, per call, outside the graphs.
        overhead_of_deep: That over the median deep call.
    """

    name: str
    calls: int
    deep: int
    image_s: Spread
    speedup: Spread
    unet_speedup: Spread
    unet_ceiling: float
    overhead_us: float
    overhead_of_deep: float


class Summary(msgspec.Struct, frozen=True):
    """All that `accel bench` prints of a record."""

    graphs: tuple[GraphSummary, ...]
    plans: tuple[PlanSummary, ...]


def summarise(record: RunRecord) -> Summary:
    """Statistics of ``record``."""
    graphs = _graph_times(record)
    deep_s = median(graphs[DEEP])
    return Summary(
        graphs=tuple(
            GraphSummary(
                graph=graph,
                seconds=Spread.of(times),
                of_deep=median(times) / deep_s if graph.startswith("unet_") else None,
            )
            for graph, times in sorted(graphs.items(), key=lambda item: _order(item[0]))
        ),
        plans=tuple(_plan(run, record, deep_s=deep_s) for run in record.plans),
    )


def _plan(run: PlanRun, record: RunRecord, *, deep_s: float) -> PlanSummary:
    baseline = record.plans[0]
    overhead_s = median((loop - unet) / run.calls for loop, unet in zip(run.loop_s, _unet_seconds(run), strict=True))
    return PlanSummary(
        name=run.name,
        calls=run.calls,
        deep=len(run.deep_calls),
        image_s=Spread.of(run.image_s),
        speedup=_ratios(baseline.image_s, run.image_s),
        unet_speedup=_ratios(_unet_seconds(baseline), _unet_seconds(run)),
        unet_ceiling=_unet_flops(baseline, record) / _unet_flops(run, record),
        overhead_us=overhead_s * 1e6,
        overhead_of_deep=overhead_s / deep_s,
    )


def _ratios(baseline: Sequence[float], plan: Sequence[float]) -> Spread:
    """Round by round, so that a slow moment of the machine meets both sides."""
    return Spread.of([slow / fast for slow, fast in zip(baseline, plan, strict=True)])


def _unet_seconds(run: PlanRun) -> list[float]:
    return [
        sum(sum(times) for graph, times in by_graph.items() if graph.startswith("unet_")) for by_graph in run.graph_s
    ]


def _unet_flops(run: PlanRun, record: RunRecord) -> float:
    flops, deep = record.bundle.flops, len(run.deep_calls)
    shallow = run.calls - deep
    return deep * flops[DEEP] + (shallow * flops[f"unet_shallow_{run.branch}"] if shallow else 0)


def _graph_times(record: RunRecord) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {}
    for run in record.plans:
        for by_graph in run.graph_s:
            for graph, seconds in by_graph.items():
                times.setdefault(graph, []).extend(seconds)
    return times


def _order(graph: str) -> tuple[int, str]:
    stages = ("text_encoder", DEEP, "unet_shallow", "vae_")
    return next(index for index, stage in enumerate(stages) if graph.startswith(stage)), graph
