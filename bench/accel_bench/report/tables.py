"""The numbers of a benchmark in rows."""

from collections.abc import Mapping, Sequence

from accel_bench.base.stats import times
from accel_bench.benchmark.summary import DEEP, GraphSummary, PeerSummary, PlanSummary, Summary
from accel_bench.evaluation.summary import TrialSummary
from accel_bench.evaluation.table import loss_text, psnr_text
from accel_bench.records.bench import BenchRecord
from accel_bench.report.charts.stages import STAGES
from accel_bench.report.table import Column, Table, make_table
from accel_bench.report.words import NOTHING, Unit, digits, share


def contender_table(
    name: str, summary: Summary, *, limits: Mapping[str, float | None], scores: Mapping[str, TrialSummary]
) -> Table:
    """Plans and peers against the baseline.

    Args:
        name: Of the table.
        summary: Of the record.
        limits: By plan, the least seconds that the hardware allows.
        scores: By plan, what an evaluation found.
    """
    both: Sequence[PlanSummary | PeerSummary] = (*summary.plans, *summary.peers)
    unit = Unit.fit(each.image_s.median for each in both)
    least = [limits.get(each.name) for each in both]
    columns = [
        Column("", [each.name for each in both], numeric=False),
        Column("deep calls", [_deep(each) for each in both]),
        Column("image", [unit.spread(each.image_s) for each in both], unit.name),
        Column("90% within", [unit.number(each.image_s.p90) for each in both], unit.name),
        Column("speed-up", [times(each.speedup) for each in both]),
        Column("limit", [NOTHING if seconds is None else unit.number(seconds) for seconds in least], unit.name),
        Column("energy", [NOTHING if each.joules is None else digits(each.joules) for each in both], "J"),
        *_peer_columns(summary),
        *_score_columns([scores.get(each.name) for each in both]),
    ]
    return make_table(name, "Plans and peers, timed in the same rounds", columns)


def stage_table(name: str, summary: Summary) -> Table:
    """Where the time of each plan goes."""
    parts = {kind: [getattr(plan.stages, kind) for plan in summary.plans] for kind in STAGES}
    unit = Unit.fit(seconds for column in parts.values() for seconds in column)
    columns = [Column("", [plan.name for plan in summary.plans], numeric=False)]
    columns += [
        Column(STAGES[kind], [unit.number(seconds) for seconds in column], unit.name) for kind, column in parts.items()
    ]
    columns += [
        Column("update per call", [digits(plan.update_us) for plan in summary.plans], "µs"),
        Column("UNet speed-up", [times(plan.unet_speedup) for plan in summary.plans]),
        Column("FLOPs allow", [f"{plan.unet_ceiling:.2f}×" for plan in summary.plans]),
    ]
    return make_table(name, "Stages of an image, medians", columns)


def graph_table(name: str, record: BenchRecord, graphs: Sequence[GraphSummary]) -> Table:
    """One run of each graph, and what loading it took."""
    work = record.bundle.graphs
    unit = Unit.fit(graph.seconds.median for graph in graphs)
    load = Unit.fit(record.load_s.values())
    columns = [
        Column("", [graph.graph for graph in graphs], numeric=False),
        Column("runs", [str(graph.seconds.samples) for graph in graphs]),
        Column("one run", [unit.spread(graph.seconds) for graph in graphs], unit.name),
        Column("of deep", [NOTHING if graph.of_deep is None else share(graph.of_deep) for graph in graphs]),
        Column("FLOPs of deep", [_flops_share(graph.graph, record) for graph in graphs]),
        Column("work at batch 1", [digits(work[graph.graph].flops / 1e9) for graph in graphs], "GFLOP"),
        Column("loading", [_loading(graph.graph, record, load) for graph in graphs], load.name),
    ]
    return make_table(name, "Graphs, over all plans and rounds", columns)


def sample_table(name: str, samples: Mapping[str, Sequence[float]]) -> Table:
    """Every sample, a row per round."""
    rounds = max(len(values) for values in samples.values())
    columns = [Column("round", [str(index + 1) for index in range(rounds)], numeric=False)]
    for contender, values in samples.items():
        unit = Unit.fit(values)
        cells = [digits(value * unit.per_second, 4) for value in values]
        columns.append(Column(contender, cells + [NOTHING] * (rounds - len(values)), unit.name))
    return make_table(name, "Every sample", columns)


def _deep(each: PlanSummary | PeerSummary) -> str:
    return f"{each.deep} / {each.calls}" if isinstance(each, PlanSummary) else f"{each.calls} / {each.calls}"


def _peer_columns(summary: Summary) -> list[Column]:
    equal = [times(peer.speedup_per_call) for peer in summary.peers]
    return [Column("at as many calls", [NOTHING] * len(summary.plans) + equal)]


def _score_columns(scores: Sequence[TrialSummary | None]) -> list[Column]:
    def cells(text: Mapping[int, str]) -> list[str]:
        return [text.get(index, NOTHING) for index in range(len(scores))]

    known = {index: score for index, score in enumerate(scores) if score is not None}
    return [
        Column("PSNR", cells({index: psnr_text(score) for index, score in known.items()}), "dB"),
        Column("feature distance", cells({index: digits(score.feature_distance) for index, score in known.items()})),
        Column("score loss", cells({index: loss_text(score) for index, score in known.items()})),
    ]


def _flops_share(graph: str, record: BenchRecord) -> str:
    work = record.bundle.graphs
    return share(work[graph].flops / work[DEEP].flops) if graph.startswith("unet_") else NOTHING


def _loading(graph: str, record: BenchRecord, unit: Unit) -> str:
    return unit.number(record.load_s[graph]) if graph in record.load_s else NOTHING
