"""The numbers of a search in rows."""

from collections.abc import Mapping, Sequence

from accel_bench.base.stats import times
from accel_bench.report.table import Column, Table, make_table
from accel_bench.report.words import NOTHING, Unit, digits
from accel_bench.search.summary import TriedSummary
from accel_bench.search.table import loss_words, plan_words

_DEEP, _SHALLOW = "deep", "shallow"


def front_table(name: str, summaries: Sequence[TriedSummary], *, score: str) -> Table:
    """The Pareto front and every finalist, the slowest first; an arrow leads to what was chosen."""
    shown = [each for each in summaries if each.in_front or each.measured is not None]
    shown.sort(key=lambda each: -each.composed_s)
    names = [f"→ {plan_words(each)}" if each.chosen else plan_words(each) for each in shown]
    columns = _columns(names, shown, score=score)
    measured = [NOTHING if each.measured is None else times(each.measured) for each in shown]
    columns.insert(5, Column("measured", measured))
    return make_table(name, "Pareto front and finalists", columns)


def candidate_table(name: str, summaries: Sequence[TriedSummary], *, score: str) -> Table:
    """Every candidate with its deep calls, in the order of the record."""
    columns = _columns([each.facts.name for each in summaries], summaries, score=score)
    most = summaries[0].pictures
    columns.insert(3, Column("pictures", [str(each.pictures) for each in summaries]))
    columns.append(Column("front", ["yes" if each.in_front else NOTHING for each in summaries], numeric=False))
    columns.append(Column("keeps the goal", [_keeps(each, most=most) for each in summaries], numeric=False))
    return make_table(name, "Every candidate", columns)


def cost_table(name: str, calls: Mapping[str, int], grid: Mapping[str, int]) -> Table:
    """UNet calls by purpose, and what the grid would take."""
    calibration = {kind: calls.get(f"calibration {kind}", 0) for kind in (_DEEP, _SHALLOW)}
    rows = {"judging": calls, "calibration": calibration}
    rows["together"] = {kind: calls[kind] + calibration[kind] for kind in (_DEEP, _SHALLOW)}
    rows[f"the grid's {grid['trials']} candidates"] = grid
    columns = [
        Column("", list(rows), numeric=False),
        Column("deep calls", [f"{row[_DEEP]:,}" for row in rows.values()]),
        Column("shallow calls", [f"{row[_SHALLOW]:,}" for row in rows.values()]),
        Column("all", [f"{row[_DEEP] + row[_SHALLOW]:,}" for row in rows.values()]),
    ]
    return make_table(name, "UNet calls of one picture each", columns)


def _keeps(each: TriedSummary, *, most: int) -> str:
    """Nothing where it was dropped before all pictures were judged."""
    if each.pictures < most:
        return NOTHING
    return "yes" if each.meets else "no"


def _columns(names: Sequence[str], shown: Sequence[TriedSummary], *, score: str) -> list[Column]:
    unit = Unit.fit(each.composed_s for each in shown)
    psnr = ["same" if each.quality.psnr is None else f"{each.quality.psnr:.2f}" for each in shown]
    return [
        Column("", names, numeric=False),
        Column("family", [each.family for each in shown], numeric=False),
        Column("deep calls", [f"{len(each.facts.deep_calls)} / {each.facts.calls}" for each in shown]),
        Column("image", [unit.number(each.composed_s) for each in shown], unit.name),
        Column("speed-up", [f"{each.speedup:.2f}×" for each in shown]),
        Column("PSNR", psnr, "dB"),
        Column("feature distance", [digits(each.quality.feature_distance) for each in shown]),
        Column(f"loss of {score}", [loss_words(each) for each in shown]),
    ]
