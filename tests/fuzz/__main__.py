"""`python -m tests.fuzz`: changed inputs of every format, and what accel makes of them (docs/fuzzing.md)."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Final

from rich.console import Console
from rich.progress import track
from rich.table import Table
from tests.fuzz.formats import Format, all_formats
from tests.fuzz.outcome import FAULTS, KINDS
from tests.fuzz.workers import Input, Used, use_all

_KEPT: Final = Path("build/fuzz")


def main() -> int:
    """Run as told; 1 where anything but a result or one line came out."""
    options = _options()
    formats = all_formats()
    inputs = _inputs(options, formats)
    started = perf_counter()
    counts: dict[str, Counter[str]] = {name: Counter() for name in formats}
    shown = track(
        use_all(inputs, formats, workers=options.workers),
        "fuzz",
        total=len(inputs),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    for used in shown:
        counts[used.input.format][used.outcome.kind] += 1
        _keep(used)
    asked = {name: count for name, count in counts.items() if count}
    _print(asked, seed=options.seed, seconds=perf_counter() - started, as_json=options.json)
    return int(any(count[fault] for count in asked.values() for fault in FAULTS))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000, help="how many, over all formats (default: 10000)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same inputs (default: 0)")
    parser.add_argument("--format", action="append", help="only this format; repeat")
    parser.add_argument("--only", action="append", help="only this input, as FORMAT:NUMBER; repeat")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


def _inputs(options: argparse.Namespace, formats: dict[str, Format]) -> list[Input]:
    if options.only:
        named = (each.rsplit(":", 1) for each in options.only)
        return [Input(name, int(number), options.seed) for name, number in named]
    chosen = [formats[name] for name in options.format or formats]
    shares = sum(kind.share for kind in chosen)
    return [
        Input(kind.name, number, options.seed)
        for kind in chosen
        for number in range(round(options.inputs * kind.share / shares))
    ]


def _keep(used: Used) -> None:
    """Keep what went wrong, or came out otherwise, for people to look at."""
    if used.outcome.kind in ("refused", "same"):
        return
    folder = _KEPT / used.outcome.kind / str(used.input).replace(" ", "-").replace(":", "-")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "why.txt").write_text(f"{used.input} --seed {used.input.seed}\n{used.outcome.detail}\n", errors="replace")
    if used.sample is not None:
        (folder / Path(used.sample.name).name).write_bytes(used.sample.raw)


def _print(counts: dict[str, Counter[str]], *, seed: int, seconds: float, as_json: bool) -> None:
    total: Counter[str] = sum(counts.values(), Counter())
    if as_json:
        document = {"seed": seed, "seconds": seconds, "formats": counts, "total": total}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return
    table = Table("format", "inputs", *KINDS, title=f"seed {seed}, {seconds:.0f} s")
    for name, count in (*counts.items(), ("all", total)):
        table.add_row(name, *map(str, _figures(count)))
    Console().print(table)


def _figures(count: Counter[str]) -> Sequence[int]:
    return (count.total(), *(count[kind] for kind in KINDS))


if __name__ == "__main__":
    sys.exit(main())
