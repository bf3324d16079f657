"""An evaluation as a table, for a terminal or for GitHub."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from accel_bench.base.stats import times
from accel_bench.base.table import Heading, Table, numbers, words
from accel_bench.base.text import deep_calls_cell
from accel_bench.evaluation.summary import TrialSummary

_TEXT: Final = ("plan", "branch", "forecast")
_NOTHING: Final = "–"


def psnr_text(summary: TrialSummary) -> str:
    """The PSNR in dB, or `same` where no pixel differs."""
    return "same" if summary.psnr is None else f"{summary.psnr:.2f}"


def loss_text(summary: TrialSummary) -> str:
    """The relative loss of the score by caption, with its standard error where it has one."""
    if summary.score_loss is None:
        return _NOTHING
    error = "" if summary.score_loss_error is None else f" ± {summary.score_loss_error:.2%}"
    return f"{summary.score_loss:.2%}{error}"


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.1%}"


# Figures that some captions have no values for are left out where no row has one.
_FIGURES: Final[Mapping[Heading, Callable[[TrialSummary], str | None]]] = {
    Heading.DEEP_CALLS: lambda each: deep_calls_cell(each.deep, each.calls, skipped=each.skipped),
    Heading.SPEEDUP: lambda each: times(each.speedup),
    Heading.PSNR: psnr_text,
    Heading.SSIM: lambda each: f"{each.ssim:.4f}",
    Heading.FEATURE_DISTANCE: lambda each: f"{each.feature_distance:.4f}",
    Heading.EMOJI_CLIP: lambda each: None if each.emoji_clip is None else f"{each.emoji_clip:.2f}",
    Heading.FACTS: lambda each: _share(each.facts),
    Heading.SCORE_LOSS: loss_text,
    Heading.COLOUR: lambda each: _share(each.colour_accuracy),
}


def terminal_table(summaries: Sequence[TrialSummary], title: str) -> Table:
    """A table with a row for each plan."""
    figures = _figures(summaries)
    return Table(title, (*words(*_TEXT), *numbers(*figures)), _rows(summaries, figures))


def markdown_table(summaries: Sequence[TrialSummary], title: str) -> str:
    """The same table in GitHub's Markdown, without a final line end."""
    figures = _figures(summaries)
    rows = [
        (*_TEXT, *(each.with_unit for each in figures)),
        ("---",) * len(_TEXT) + ("---:",) * len(figures),
        *_rows(summaries, figures),
    ]
    return "\n".join([f"{title}\n", *(f"| {' | '.join(row)} |" for row in rows)])


def _figures(summaries: Sequence[TrialSummary]) -> tuple[Heading, ...]:
    return tuple(heading for heading, cell in _FIGURES.items() if any(cell(each) is not None for each in summaries))


def _rows(summaries: Sequence[TrialSummary], figures: Sequence[Heading]) -> tuple[tuple[str, ...], ...]:
    return tuple((*_plan(each), *(_FIGURES[heading](each) or _NOTHING for heading in figures)) for each in summaries)


def _plan(each: TrialSummary) -> tuple[str, str, str]:
    return each.plan, _NOTHING if each.branch is None else str(each.branch), each.forecast or _NOTHING
