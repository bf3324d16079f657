"""Verdicts as a table for a terminal."""

from collections.abc import Sequence

from rich.table import Table

from accel_bench.replay.verdict import Verdict

_NOTHING = "–"
_UNITS = {"latency_s": "s", "steps_per_s": "/s", "speedup": "×", "psnr_db": "dB"}


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
        unit = _UNITS.get(each.figure, "")
        table.add_row(
            each.config if each.config != last else "",
            each.figure,
            *(_number(value, unit) for value in (each.median, each.p90, each.expected)),
            _number(each.ratio, ""),
            each.kind,
            each.word,
        )
        last = each.config
    return table


def _number(value: float | None, unit: str) -> str:
    return _NOTHING if value is None else f"{value:.4g} {unit}".rstrip()
