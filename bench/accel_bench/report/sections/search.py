"""The section of a record of `accel search`."""

from collections.abc import Sequence
from dataclasses import dataclass

from accel_bench.doubts import search_doubts
from accel_bench.records.bench import BenchRecord
from accel_bench.records.parts import Doubt
from accel_bench.records.search import SearchRecord
from accel_bench.report.charts.call_strip import call_strip
from accel_bench.report.charts.search import search_charts
from accel_bench.report.charts.svg import Figure
from accel_bench.report.facts import Fact, banners, facts, what, when, where
from accel_bench.report.reproduce import command
from accel_bench.report.section import Section
from accel_bench.report.tables import Table, candidate_table, cost_table, front_table
from accel_bench.report.verdicts import Verdict, chosen_facts, goal_words, search_verdict
from accel_bench.report.words import amount, certainty
from accel_bench.search.summary import TriedSummary, summarise_search
from accel_bench.search.table import composed_words


@dataclass(frozen=True, slots=True)
class SearchView:
    """The data that the template draws.

    Attributes:
        goal: The goal in words.
        chosen: Facts about the chosen candidate; empty where nothing was chosen.
        strip: Calls of the chosen candidate; None where nothing was chosen.
        pictures: Anchor of the section with the finalists' pictures; None where it is not on the page.
        charts: The first one is drawn wide.
        judged: Number of pictures that candidates were judged on, in words.
        certainty: Meaning of the brackets; None where nothing was timed.
        error: Error of composed seconds, in words.
        command: Command line that repeats the search; None where no single one does.
    """

    what: str
    where: str
    when: str
    id: str
    banners: Sequence[str]
    goal: str
    verdict: Verdict
    chosen: Sequence[Fact]
    strip: Figure | None
    pictures: str | None
    charts: Sequence[Figure]
    judged: str
    front: Table
    certainty: str | None
    candidates: Table
    cost: Table
    error: str
    facts: Sequence[Fact]
    doubts: Sequence[Doubt]
    command: str | None


def search_section(record: SearchRecord, *, benches: Sequence[BenchRecord]) -> Section:
    """Make the section of a search.

    Args:
        record: The record.
        benches: Benchmarks on the same page. The finalists' one is linked where it is among them.
    """
    view = _view(record, summarise_search(record), benches=benches)
    others = amount(len(record.tried) - 1, "candidate")
    return Section(f"record-{record.id}", f"Search over {others}", "search.html.j2", view)


def _view(record: SearchRecord, summaries: Sequence[TriedSummary], *, benches: Sequence[BenchRecord]) -> SearchView:
    prefix, score = f"r{record.id}", record.goal.score
    chosen = next((each for each in summaries if each.chosen), None)
    measured = summaries[0].measured
    return SearchView(
        what=what(record),
        where=where(record),
        when=when(record),
        id=record.id,
        banners=banners(record),
        goal=goal_words(record.goal),
        verdict=search_verdict(summaries, record),
        chosen=[] if chosen is None else chosen_facts(chosen, record),
        strip=None if chosen is None else call_strip(f"{prefix}-calls", "Its calls", chosen.facts),
        pictures=next((f"record-{bench.id}" for bench in benches if bench.id == record.finalists), None),
        charts=search_charts(prefix, record, summaries),
        judged=amount(len(record.prompts), "picture"),
        front=front_table(f"{prefix}-front", summaries, score=score),
        certainty=None if measured is None else certainty(measured),
        candidates=candidate_table(f"{prefix}-candidates", summaries, score=score),
        cost=cost_table(f"{prefix}-cost", record.calls, record.grid_calls),
        error=_error(summaries),
        facts=facts(record),
        doubts=search_doubts(record),
        command=command(record),
    )


def _error(summaries: Sequence[TriedSummary]) -> str:
    nothing = "No candidate was timed end to end, so it is not known how far composed speed-ups are off"
    words = next(composed_words(summaries), nothing)
    return f"{words[0].upper()}{words[1:]}."
