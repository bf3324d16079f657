"""The `accel` command in a process of its own."""

import subprocess
import sys
from pathlib import Path


def accel(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "accel_bench", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)


def assert_refused(done: subprocess.CompletedProcess[str], message: str, *, code: int | None = None) -> None:
    assert done.returncode not in (0, -11)
    assert code is None or done.returncode == code
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("accel: ")
    assert message in lines[0], lines[0]
    assert done.stdout == ""
