"""The real export, killed at some of its system calls; `test_crash_safety` kills what writes its files at every one."""

import os
import sys
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from tests.robustness.faults import Fault, needs_tracing, run

from accel_runtime.bundle.bundle import read_bundle

pytestmark = [needs_tracing, pytest.mark.slow]

OPTIONS: Final = ("--branches", "0", "--schedulers", "ddim", "--force")
# The last calls: folders to the disk, locks, the exchange, the old folder removed.
LAST: Final = 7


def export(source: Path, target: Path, *, steps: int) -> None:
    """The command, in the place of this process."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.dup2(null, 1)
    words = ("-m", "accel_bench", "export", str(source), "-o", str(target), *OPTIONS, "--max-steps", str(steps))
    os.execv(sys.executable, [sys.executable, *words])  # noqa: S606  # ours


def test_a_killed_export_leaves_the_old_bundle_or_the_new_one(source_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    run(lambda: export(source_folder, target, steps=1))
    states = [read_bundle(target).digest]
    calls = run(lambda: export(source_folder, target, steps=2)).calls
    states.append(read_bundle(target).digest)
    assert states[0] != states[1]
    for number in (*range(0, len(calls), len(calls) // 3), *range(len(calls) - LAST, len(calls))):
        steps = 1 + states.index(read_bundle(target).digest)
        other = partial(export, source_folder, target, steps=3 - steps)
        assert run(other, Fault(stop_at=number)).stopped
        assert read_bundle(target).digest in states

    assert not run(lambda: export(source_folder, target, steps=1)).stopped
    assert read_bundle(target).digest == states[0]
    assert os.listdir(tmp_path) == ["bundle"]
