"""Verdicts as a table for a terminal."""

from collections.abc import Sequence

from accel_bench.base.table import Heading, Table, numbers, words
from accel_bench.replay.verdict import Verdict

_NOTHING = "–"
_UNITS = {"latency_s": "s", "steps_per_s": "/s", "speedup": "×", "psnr_db": "dB", "score_loss": "%"}


def verdict_table(verdicts: Sequence[Verdict], title: str) -> Table:
    """One row per figure."""
    columns = (
        *words("config", "figure"),
        *numbers("median", Heading.P90, "expected", "ratio"),
        *words("kind", "verdict"),
    )
    before = ("", *(each.config for each in verdicts))
    pairs = zip(verdicts, before[: len(verdicts)], strict=True)
    rows = (_cells(each, config="" if each.config == last else each.config) for each, last in pairs)
    return Table(title, columns, tuple(rows))


def _cells(each: Verdict, *, config: str) -> tuple[str, ...]:
    return (
        config,
        each.figure,
        *(_figure(value, each.figure) for value in (each.median, each.p90, each.expected)),
        _NOTHING if each.ratio is None else f"{each.ratio:.4g}",
        each.kind,
        each.word,
    )


def _figure(value: float | None, figure: str) -> str:
    if value is None:
        return _NOTHING
    unit = _UNITS[figure]
    return f"{100 * value if unit == '%' else value:.4g} {unit}"
