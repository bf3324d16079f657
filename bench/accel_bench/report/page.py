"""The page: its sections in one file that needs no other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from accel_bench.records.bench import BenchRecord
from accel_bench.records.evaluation import EvaluationRecord
from accel_bench.records.search import SearchRecord
from accel_bench.records.store import PictureRecord
from accel_bench.report.section import Section
from accel_bench.report.sections.bench import Limit, bench_section
from accel_bench.report.sections.evaluation import evaluation_section
from accel_bench.report.sections.search import search_section

_TEMPLATES: Final = Path(__file__).parent / "templates"


def no_limit(_: BenchRecord, __: str) -> None:
    """A `Limit` that knows nothing about the hardware."""


def render_report(records: Sequence[PictureRecord], *, title: str | None = None, limit: Limit = no_limit) -> str:
    """Render a page with a section for each record.

    Args:
        records: Records of any kinds. A record that is given twice is shown once.
        title: Title of the page; by default, it names what was run.
        limit: Least seconds of a plan; see `Limit`.

    Returns:
        HTML.

    Raises:
        InputError: A picture of a record cannot be read.
    """
    distinct = list({record.id: record for record in records}.values())
    sections = [_section(record, beside=distinct, limit=limit) for record in distinct]
    return render_page(sections, title=title or _title(distinct))


def render_page(sections: Sequence[Section], *, title: str) -> str:
    """Render sections of any kind as HTML."""
    templates = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    templates.trim_blocks = templates.lstrip_blocks = True
    style = Markup((_TEMPLATES / "style.css").read_text())  # noqa: S704  # our own file
    page = templates.get_template("page.html.j2")
    return page.render(title=title, sections=sections, style=style)


def _section(record: PictureRecord, *, beside: Sequence[PictureRecord], limit: Limit) -> Section:
    if isinstance(record, BenchRecord):
        evaluations = [each for each in beside if isinstance(each, EvaluationRecord)]
        return bench_section(record, evaluations=evaluations, limit=limit)
    if isinstance(record, SearchRecord):
        return search_section(record, benches=[each for each in beside if isinstance(each, BenchRecord)])
    return evaluation_section(record)


def _title(records: Sequence[PictureRecord]) -> str:
    sources = ", ".join(dict.fromkeys(record.bundle.source for record in records))
    return f"What reuse buys on {sources}"
