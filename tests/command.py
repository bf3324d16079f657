"""The `accel` command: here, or in a process of its own."""

import contextlib
import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

from accel_bench.cli.app import main


def accel(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command in this process, which spares its start; a bug's traceback fails the test."""
    words, output, errors = [*map(str, arguments)], io.StringIO(), io.StringIO()
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with (
            patch.dict(os.environ),
            contextlib.chdir(cwd),
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(errors),
        ):
            main(words)
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
        return subprocess.CompletedProcess(words, code, output.getvalue(), errors.getvalue())
    finally:
        signal.signal(signal.SIGTERM, handler)


def accel_process(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command as a user starts it, for what only a process shows."""
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
