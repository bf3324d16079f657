"""The search for what no profile has: `accel search`, with the command line that a request makes."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from accel_bench.base.process import run_module
from accel_bench.codegen.tasks.wishes import Wish
from accel_bench.doctor.devices import read_devices
from accel_bench.profiles import load_profile, matching_devices

_SPACE: Final = ("--search-targets", "deepcache,steps,guidance", "--num-samples", "32", "--batch-size", "8")


def search_command(wish: Wish, *, profile: Path) -> tuple[str, ...]:
    """The words of the command that looks for a config and writes it into ``profile``."""
    target = ("--req-speedup", f"{wish.speedup:g}") if wish.speedup is not None else ("--req-time", f"{wish.seconds:g}")
    baseline = ("--pipe", wish.pipe, "--sched", wish.sched, "--steps", str(wish.steps))
    quality = ("--req-score-loss", f"{wish.max_score_loss:g}", "--score", "emoji-clip")
    provider = () if wish.device is None else ("--provider", load_profile(wish.device).backends[0].provider)
    outputs = ("--output", f"{profile.with_suffix('')}-search", "--write-profile", str(profile))
    return ("accel", "search", *baseline, *_SPACE, *target, *quality, *provider, *outputs)


def can_search(wish: Wish) -> None:
    """Seconds of a device are found on that device.

    Raises:
        InputError: This machine does not have it; names what is here instead.
    """
    if wish.device is not None:
        matching_devices(load_profile(wish.device), read_devices())


def run_search(command: Sequence[str]) -> int:
    """Run it in a process of its own, whose output goes to stderr; returns the exit code."""
    words = run_module("accel_bench", *command[1:])
    return subprocess.run(words, stdout=sys.stderr, check=False).returncode  # noqa: S603  # our own command
