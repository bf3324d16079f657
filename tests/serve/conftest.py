"""What tests of the service share: a bundle with a plan, and a server that draws it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from accel_runtime import PlanSpec
from accel_runtime.bundle.named_plans import add_plan
from accel_runtime.manifest import PlanFigures

START_S = 120.0
FIGURES = PlanFigures(speedup=2.1, score="psnr", score_loss=0.02, pictures=8, record="0123abcd", psnr_db=31.5)
KEY = "a-key-of-the-tests"


@dataclass(frozen=True, slots=True)
class Server:
    """`accel serve` in a process of its own."""

    process: subprocess.Popen[bytes]
    address: str
    log: Path

    def stop(self) -> tuple[int, str]:
        """End it as a service manager does; its exit code and the rest of its log."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=START_S)
        return code, self.log.read_text()


@pytest.fixture(scope="session")
def served_folder(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small bundle with a plan called `fast`, which a search might have measured."""
    folder = tmp_path_factory.mktemp("served") / "small"
    shutil.copytree(bundle_folder, folder, copy_function=os.link)
    add_plan(folder, "fast", PlanSpec(deep="every:3", branch=1, scheduler="ddim", steps=6), figures=FIGURES)
    return folder


def start_server(folder: Path, *options: str) -> Server:
    """A server that is ready."""
    command = [sys.executable, "-m", "accel_bench", "serve", str(folder), "--port", "0", "--trust-files", *options]
    # A file, for a pipe that nobody reads is full after some hundred lines.
    with tempfile.NamedTemporaryFile(suffix=".log", delete=False) as log:
        process = subprocess.Popen(command, stderr=log, stdout=subprocess.DEVNULL)
    path, ends = Path(log.name), time.monotonic() + START_S
    while (found := re.search(r"listening on (http://\S+)", path.read_text())) is None:
        assert process.poll() is None, path.read_text()
        assert time.monotonic() < ends
        time.sleep(0.05)
    wait_until_ready(found[1])
    return Server(process, found[1], path)


def wait_until_ready(address: str) -> None:
    """Ask a service until its engines are warm."""
    ends = time.monotonic() + START_S
    while httpx.get(f"{address}/health/ready", timeout=START_S).status_code != 200:
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.fixture(scope="session")
def server(served_folder: Path) -> Iterator[Server]:
    """One that batches by step, with room for sixteen images in the queue."""
    options = ("--mode", "steps", "--batch", "4", "--queue", "16", "--overload-plan", "fast", "--most-pixels", "4096")
    started = start_server(served_folder, *options)
    yield started
    code, log = started.stop()
    assert code == 0, log
    assert "Traceback" not in log
