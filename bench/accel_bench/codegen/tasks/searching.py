"""The search for what no profile has: `accel search`, with the command line that a request makes."""

import shlex
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from accel_bench.codegen.tasks.wishes import Wish
from accel_runtime.errors import InputError

_MODULE: Final = "accel_bench.commands.search"
_SPACE: Final = ("--search-targets", "deepcache,steps,guidance", "--num-samples", "32", "--batch-size", "8")


def search_command(wish: Wish, *, profile: Path) -> tuple[str, ...]:
    """The words of the command that looks for a config and writes it into ``profile``."""
    target = ("--req-speedup", f"{wish.speedup:g}") if wish.speedup is not None else ("--req-time", f"{wish.seconds:g}")
    baseline = ("--pipe", wish.pipe, "--sched", wish.sched, "--steps", str(wish.steps))
    quality = ("--req-score-loss", f"{wish.max_score_loss:g}", "--score", "emoji-clip")
    return ("accel", "search", *baseline, *_SPACE, *target, *quality, "--write-profile", str(profile))


def run_search(command: Sequence[str]) -> int:
    """Run it in a process of its own, whose output goes to stderr; returns the exit code.

    Raises:
        InputError: This version has no search.
    """
    if find_spec(_MODULE) is None:
        raise InputError(f"--search: this version has no `accel search`; with one that has, run {shlex.join(command)}")
    words = [sys.executable, "-m", "accel_bench", *command[1:]]
    return subprocess.run(words, stdout=sys.stderr, check=False).returncode  # noqa: S603  # our own command
