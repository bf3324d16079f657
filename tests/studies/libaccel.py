"""``python -m tests.studies.libaccel BUNDLE``: libaccel beside the Python runtime, for docs/cpp.md.

Each round starts a process of either, in turn; the medians are of rounds, and of their ratios. Processor seconds are
told as well, since machines have other work. The programs are `runtime/cpp/tests/speed.cpp` and `overhead.cpp` on
libaccel's side, and `tests/studies/libaccel_python.py`.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from tests.cpp.build import Built, built

from accel_bench.cli.console import print_line


@dataclass(frozen=True)
class Ended:
    """A process to its end: what it printed, its seconds by the clock and by the processor."""

    said: Mapping[str, float]
    wall: float
    processor: float


def ended(command: Sequence[object]) -> Ended:
    """Run a program of one JSON line."""
    start = perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return Ended(json.loads(said), perf_counter() - start, usage.ru_utime + usage.ru_stime)


def round_of(bundle: Path, cpp: Built) -> dict[str, tuple[float, float]]:
    """What either took, libaccel's first."""
    python = [sys.executable, "-m", "tests.studies.libaccel_python", bundle]
    first = [ended([cpp.test("speed"), bundle, cpp.onnxruntime, "first"]), ended([*python, "first"])]
    calls = [ended([cpp.test("overhead"), bundle, cpp.onnxruntime]), ended([*python, "overhead"])]
    return {
        "start to first image, s": (first[0].wall, first[1].wall),
        "the same, processor s": (first[0].processor, first[1].processor),
        "between graphs, µs a call": (calls[0].said["call_us"], calls[1].said["call_us"]),
    }


def main() -> None:
    """Measure, and print medians, ratios, and what every round gave."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    rounds = [round_of(given.bundle, built()) for _ in range(given.rounds)]
    for name in rounds[0]:
        pairs = [each[name] for each in rounds]
        cpp, python = (median(side) for side in zip(*pairs, strict=True))
        ratio = median(theirs / ours for ours, theirs in pairs)
        print_line(f"{name}: libaccel {cpp:.4g}, Python {python:.4g}, {ratio:.2f} times; {pairs}")


if __name__ == "__main__":
    main()
