"""Verdicts as a table for a terminal."""

from collections.abc import Sequence

from rich.table import Table

from accel_bench.replay.verdict import Verdict

_NOTHING = "–"
_UNITS = {"latency_s": "s", "steps_per_s": "/s", "speedup": "×", "psnr_db": "dB", "score_loss": "%"}


def verdict_table(verdicts: Sequence[Verdict], title: str) -> Table:
    """One row per figure."""
    table = Table(title=title, title_justify="left")
    for heading in ("config", "figure"):
        table.add_column(heading, no_wrap=True)
    for heading in ("median", "p90", "expected", "ratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("kind", "verdict"):
        table.add_column(heading, no_wrap=True)
    last = ""
    for each in verdicts:
        table.add_row(
            each.config if each.config != last else "",
            each.figure,
            *(_figure(value, each.figure) for value in (each.median, each.p90, each.expected)),
            _NOTHING if each.ratio is None else f"{each.ratio:.4g}",
            each.kind,
            each.word,
        )
        last = each.config
    return table


def _figure(value: float | None, figure: str) -> str:
    if value is None:
        return _NOTHING
    unit = _UNITS[figure]
    return f"{100 * value if unit == '%' else value:.4g} {unit}"
