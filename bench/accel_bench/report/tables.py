"""Tables of the numbers of benchmarks, evaluations and searches."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from accel_bench.base.stats import times
from accel_bench.base.table import Heading
from accel_bench.benchmark.summary import PASSES, GraphSummary, PeerSummary, PlanSummary, Summary
from accel_bench.evaluation.summary import TrialSummary
from accel_bench.evaluation.table import loss_text, psnr_text
from accel_bench.records.bench import BenchRecord
from accel_bench.report.charts.stages import STAGES
from accel_bench.report.words import NOTHING, Unit, digits, share
from accel_bench.search.summary import TriedSummary
from accel_bench.search.table import loss_words, plan_words

_DEEP, _SHALLOW = "deep", "shallow"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        heading: Text of the heading.
        cells: One text per row.
        unit: Unit of the numbers, shown beside the heading.
        numeric: Whether cells are aligned to the right.
    """

    heading: str
    cells: Sequence[str]
    unit: str = ""
    numeric: bool = True

    @property
    def says_something(self) -> bool:
        """Whether any cell has a value."""
        return any(cell not in ("", NOTHING) for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Table:
    """A table. All columns have the same length, and the first one names the rows.

    Attributes:
        name: Id that is unique on the page.
        caption: Description of the numbers.
        columns: Columns from left to right.
    """

    name: str
    caption: str
    columns: Sequence[Column]

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The cells by row."""
        return list(zip(*(column.cells for column in self.columns), strict=True))


def make_table(name: str, caption: str, columns: Sequence[Column]) -> Table:
    """Make a table and leave out columns without values."""
    first, *others = columns
    return Table(name, caption, [first, *(column for column in others if column.says_something)])


def contender_table(
    name: str, summary: Summary, *, limits: Mapping[str, float | None], scores: Mapping[str, TrialSummary]
) -> Table:
    """Plans and peers compared with the baseline.

    Args:
        name: Id of the table.
        summary: Summary of the record.
        limits: Least seconds that the hardware allows, by plan.
        scores: Scores of an evaluation, by plan.
    """
    both: Sequence[PlanSummary | PeerSummary] = (*summary.plans, *summary.peers)
    unit = Unit.fit(each.image_s.median for each in both)
    least = [limits.get(each.name) for each in both]
    columns = [
        Column("", [each.name for each in both], numeric=False),
        Column(Heading.DEEP_CALLS, [_deep(each) for each in both]),
        _skipped(each.skipped if isinstance(each, PlanSummary) else 0 for each in both),
        Column("image", [unit.spread(each.image_s) for each in both], unit.name),
        Column(Heading.P90, [unit.number(each.image_s.p90) for each in both], unit.name),
        Column(Heading.SPEEDUP, [times(each.speedup) for each in both]),
        Column("limit", [NOTHING if seconds is None else unit.number(seconds) for seconds in least], unit.name),
        Column("energy", [NOTHING if each.joules is None else digits(each.joules) for each in both], "J"),
        *_peer_columns(summary),
        *_score_columns([scores.get(each.name) for each in both]),
    ]
    return make_table(name, "Plans and peers, timed in the same rounds", columns)


def stage_table(name: str, summary: Summary) -> Table:
    """The time of each plan by stage."""
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
    """The time of one run of each graph, and of loading it."""
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
    """Every sample, one row per round."""
    rounds = max(len(values) for values in samples.values())
    columns = [Column("round", [str(index + 1) for index in range(rounds)], numeric=False)]
    for contender, values in samples.items():
        unit = Unit.fit(values)
        cells = [digits(value * unit.per_second, 4) for value in values]
        columns.append(Column(contender, cells + [NOTHING] * (rounds - len(values)), unit.name))
    return make_table(name, "Every sample", columns)


def _deep(each: PlanSummary | PeerSummary) -> str:
    return f"{each.deep} / {each.calls}" if isinstance(each, PlanSummary) else f"{each.calls} / {each.calls}"


def _skipped(counts: Iterable[int]) -> Column:
    """How many calls run nothing; without values where no plan skips."""
    return Column(Heading.SKIPPED_CALLS, [str(count) if count else NOTHING for count in counts])


def _peer_columns(summary: Summary) -> list[Column]:
    equal = [times(peer.speedup_per_call) for peer in summary.peers]
    return [Column("at as many calls", [NOTHING] * len(summary.plans) + equal)]


def _score_columns(scores: Sequence[TrialSummary | None]) -> list[Column]:
    def cells(text: Mapping[int, str]) -> list[str]:
        return [text.get(index, NOTHING) for index in range(len(scores))]

    known = {index: score for index, score in enumerate(scores) if score is not None}
    return [
        Column(Heading.PSNR, cells({index: psnr_text(score) for index, score in known.items()}), Heading.PSNR.unit),
        Column(
            Heading.FEATURE_DISTANCE, cells({index: digits(score.feature_distance) for index, score in known.items()})
        ),
        Column(Heading.SCORE_LOSS, cells({index: loss_text(score) for index, score in known.items()})),
    ]


def _flops_share(graph: str, record: BenchRecord) -> str:
    work = record.bundle.graphs[graph]
    return share(work.flops / record.bundle.deep.flops) if work.part in PASSES else NOTHING


def _loading(graph: str, record: BenchRecord, unit: Unit) -> str:
    return unit.number(record.load_s[graph]) if graph in record.load_s else NOTHING


def trial_table(name: str, trials: Sequence[TrialSummary]) -> Table:
    """One row per trial; the baseline comes first."""
    unit = Unit.fit(trial.batch_s.median for trial in trials)
    columns = [
        Column("", [trial.plan for trial in trials], numeric=False),
        Column("branch", [NOTHING if trial.branch is None else str(trial.branch) for trial in trials]),
        Column("forecast", [trial.forecast or NOTHING for trial in trials], numeric=False),
        Column(Heading.DEEP_CALLS, [f"{trial.deep:g} / {trial.calls}" for trial in trials]),
        _skipped(trial.skipped for trial in trials),
        Column("batch", [unit.spread(trial.batch_s) for trial in trials], unit.name),
        Column(Heading.SPEEDUP, [times(trial.speedup) for trial in trials]),
        Column(Heading.PSNR, [psnr_text(trial) for trial in trials], Heading.PSNR.unit),
        Column(Heading.SSIM, [f"{trial.ssim:.4f}" for trial in trials]),
        Column(Heading.FEATURE_DISTANCE, [digits(trial.feature_distance) for trial in trials]),
        Column(Heading.EMOJI_CLIP, _known(trials, lambda trial: trial.emoji_clip, "{:.2f}")),
        Column(Heading.FACTS, _known(trials, lambda trial: trial.facts, "{:.1%}")),
        Column(Heading.SCORE_LOSS, [loss_text(trial) for trial in trials]),
        Column(Heading.COLOUR, _known(trials, lambda trial: trial.colour_accuracy, "{:.1%}")),
    ]
    return make_table(name, "Speed and quality of each plan, against full on the same captions and seeds", columns)


def _known(trials: Sequence[TrialSummary], value: Callable[[TrialSummary], float | None], form: str) -> list[str]:
    values = map(value, trials)
    return [NOTHING if each is None else form.format(each) for each in values]


def front_table(name: str, summaries: Sequence[TriedSummary], *, score: str) -> Table:
    """The Pareto front and every finalist, the slowest first. An arrow marks the chosen candidate."""
    shown = [each for each in summaries if each.in_front or each.measured is not None]
    shown.sort(key=lambda each: -each.composed_s)
    names = [f"→ {plan_words(each)}" if each.chosen else plan_words(each) for each in shown]
    columns = _columns(names, shown, score=score)
    measured = [NOTHING if each.measured is None else times(each.measured) for each in shown]
    columns.insert(5, Column("measured", measured))
    return make_table(name, "Pareto front and finalists", columns)


def candidate_table(name: str, summaries: Sequence[TriedSummary], *, score: str) -> Table:
    """Every candidate with its deep calls, in the record's order."""
    columns = _columns([each.facts.name for each in summaries], summaries, score=score)
    most = summaries[0].pictures
    columns.insert(3, Column("pictures", [str(each.pictures) for each in summaries]))
    columns.append(Column("front", ["yes" if each.in_front else NOTHING for each in summaries], numeric=False))
    columns.append(Column("keeps the goal", [_keeps(each, most=most) for each in summaries], numeric=False))
    return make_table(name, "Every candidate", columns)


def cost_table(name: str, calls: Mapping[str, int], grid: Mapping[str, int]) -> Table:
    """UNet calls by purpose, and the calls that the whole grid would make."""
    calibration = {kind: calls.get(f"calibration {kind}", 0) for kind in (_DEEP, _SHALLOW)}
    rows = {"judging": calls, "calibration": calibration}
    rows["together"] = {kind: calls[kind] + calibration[kind] for kind in (_DEEP, _SHALLOW)}
    rows[f"the grid's {grid['trials']} candidates"] = grid
    columns = [
        Column("", list(rows), numeric=False),
        Column(Heading.DEEP_CALLS, [f"{row[_DEEP]:,}" for row in rows.values()]),
        Column("shallow calls", [f"{row[_SHALLOW]:,}" for row in rows.values()]),
        Column("all", [f"{row[_DEEP] + row[_SHALLOW]:,}" for row in rows.values()]),
    ]
    return make_table(name, "UNet calls of one picture each", columns)


def _keeps(each: TriedSummary, *, most: int) -> str:
    """Whether the candidate keeps the goal; `NOTHING` where it was dropped before all pictures were judged."""
    if each.pictures < most:
        return NOTHING
    return "yes" if each.meets else "no"


def _columns(names: Sequence[str], shown: Sequence[TriedSummary], *, score: str) -> list[Column]:
    unit = Unit.fit(each.composed_s for each in shown)
    psnr = ["same" if each.quality.psnr is None else f"{each.quality.psnr:.2f}" for each in shown]
    return [
        Column("", names, numeric=False),
        Column("family", [each.family for each in shown], numeric=False),
        Column(Heading.DEEP_CALLS, [f"{each.facts.deep_text} / {each.facts.calls}" for each in shown]),
        _skipped(len(each.facts.plan.skip) for each in shown),
        Column("image", [unit.number(each.composed_s) for each in shown], unit.name),
        Column(Heading.SPEEDUP, [f"{each.speedup:.2f}×" for each in shown]),
        Column(Heading.PSNR, psnr, Heading.PSNR.unit),
        Column(Heading.FEATURE_DISTANCE, [digits(each.quality.feature_distance) for each in shown]),
        Column(f"loss of {score}", [loss_words(each) for each in shown]),
    ]
