"""An evaluation as a table, for a terminal or for GitHub."""

from collections.abc import Sequence

from accel_bench.base.stats import times
from accel_bench.base.table import Heading, Table, numbers, words
from accel_bench.base.text import deep_calls_cell
from accel_bench.evaluation.summary import TrialSummary

_TEXT = ("plan", "branch", "forecast")
_NUMBERS = (
    *(Heading.DEEP_CALLS, Heading.SPEEDUP, Heading.PSNR, Heading.SSIM, Heading.FEATURE_DISTANCE),
    *(Heading.EMOJI_CLIP, Heading.SCORE_LOSS, Heading.COLOUR),
)
_NOTHING = "–"


def terminal_table(summaries: Sequence[TrialSummary], title: str) -> Table:
    """A table with a row for each plan."""
    return Table(title, (*words(*_TEXT), *numbers(*_NUMBERS)), tuple(map(_cells, summaries)))


def markdown_table(summaries: Sequence[TrialSummary], title: str) -> str:
    """The same table in GitHub's Markdown, without a final line end."""
    rows = [
        (*_TEXT, *(each.with_unit for each in _NUMBERS)),
        ("---",) * len(_TEXT) + ("---:",) * len(_NUMBERS),
        *map(_cells, summaries),
    ]
    return "\n".join([f"{title}\n", *(f"| {' | '.join(row)} |" for row in rows)])


def _cells(summary: TrialSummary) -> tuple[str, ...]:
    return (
        summary.plan,
        _NOTHING if summary.branch is None else str(summary.branch),
        summary.forecast or _NOTHING,
        deep_calls_cell(summary.deep, summary.calls, skipped=summary.skipped),
        times(summary.speedup),
        psnr_text(summary),
        f"{summary.ssim:.4f}",
        f"{summary.feature_distance:.4f}",
        f"{summary.emoji_clip:.2f}",
        loss_text(summary),
        f"{summary.colour_accuracy:.1%}",
    )


def psnr_text(summary: TrialSummary) -> str:
    """The PSNR in dB, or `same` where no pixel differs."""
    return "same" if summary.psnr is None else f"{summary.psnr:.2f}"


def loss_text(summary: TrialSummary) -> str:
    """The relative loss of emoji-clip, with its standard error where it has one."""
    if summary.score_loss is None:
        return _NOTHING
    error = "" if summary.score_loss_error is None else f" ± {summary.score_loss_error:.2%}"
    return f"{summary.score_loss:.2%}{error}"
