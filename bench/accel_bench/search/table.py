"""A search as a table for a terminal."""

from collections.abc import Iterator, Mapping, Sequence

from accel_bench.base.stats import times
from accel_bench.base.table import Table, numbers, prose, words
from accel_bench.records.environment import machine
from accel_bench.records.search import SearchRecord
from accel_bench.search.summary import TriedSummary
from accel_bench.search.words import composed_words, loss_words, plan_words

_NOTHING = "–"


def front_table(summaries: Sequence[TriedSummary], record: SearchRecord) -> Table:
    """The Pareto front and every finalist, the slowest first; what the search recommends has an arrow."""
    shown = [each for each in summaries if each.in_front or each.measured is not None]
    headings = ("deep", "seconds", "speed-up", "measured", "PSNR dB", "feature dist.", f"loss of {record.goal.score}")
    return Table(
        "Pareto front and finalists",
        (*words(""), *prose("plan", "family"), *numbers(*headings)),
        tuple(_cells(each) for each in sorted(shown, key=lambda each: -each.composed_s)),
    )


def _cells(each: TriedSummary) -> tuple[str, ...]:
    quality, psnr = each.quality, each.quality.psnr
    return (
        "→" if each.chosen else "",
        plan_words(each),
        each.family,
        f"{len(each.facts.deep_calls)}/{each.facts.calls}",
        f"{each.composed_s:.4g}",
        f"{each.speedup:.2f}×",
        _NOTHING if each.measured is None else times(each.measured),
        "same" if psnr is None else f"{psnr:.2f}",
        f"{quality.feature_distance:.4f}",
        loss_words(each),
    )


def heading(record: SearchRecord) -> str:
    """What the numbers are of."""
    work = record.workload
    meaning = "RANDOM WEIGHTS, all scores are meaningless: " if record.bundle.weights == "random" else ""
    return (
        f"{meaning}{record.bundle.source} {work.width}×{work.height}, {work.scheduler} {work.steps} steps, guidance "
        f"{work.guidance:g}, {len(record.prompts)} prompts, {machine(record.backend, record.environment)}"
    )


def footer(summaries: Sequence[TriedSummary], record: SearchRecord) -> Iterator[str]:
    """What was chosen, what that cost, and how far composed times were off."""
    for each in summaries:
        if each.chosen:
            deep = ",".join(map(str, each.facts.deep_calls))
            yield f"chosen: {plan_words(each)}, deep calls {deep}"
    spent, grid = record.calls, record.grid_calls
    calls = f"{sum(spent.values()):,} UNet calls of one picture, {_deep(spent):,} of them deep"
    yield f"cost: {calls}; the grid's {grid['trials']} candidates would take {_all(grid):,}, {grid['deep']:,} deep"
    yield from composed_words(summaries)


def _all(calls: Mapping[str, int]) -> int:
    return calls["deep"] + calls["shallow"]


def _deep(calls: Mapping[str, int]) -> int:
    return sum(count for purpose, count in calls.items() if purpose.endswith("deep"))
