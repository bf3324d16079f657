"""A job on two nodes of this machine, whose workers, nodes and driver are killed at random moments.

python -m tests.bench.cluster.killing BUNDLE PROMPTS FOLDER --kills 10 runs it at any size.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil
from ray.cluster_utils import Cluster

from accel_bench.jobs.manifest import Line

KINDS: Final = ("worker", "node", "driver")
SHORT: Final = ("--steps", "4", "--plan", "every:2", "--scheduler", "ddim")
# Between two kills, in seconds.
_PAUSE: Final = (8.0, 25.0)


@contextmanager
def two_nodes() -> Iterator[Cluster]:
    """A head that works on nothing, and two nodes of one processor each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    memory = 150_000_000
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False, "object_store_memory": memory},
    )
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1, object_store_memory=memory)
        yield cluster
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]  # Ray's


def job(bundle: Path, prompts: Path, folder: Path, *options: str) -> list[str]:
    """The command."""
    words = ("generate", str(bundle), "--prompts", str(prompts), "--output", str(folder), *SHORT, *options)
    return [sys.executable, "-m", "accel_bench", *words]


@dataclass(eq=False)
class Killer:
    """Runs a command on a cluster to its end, and kills parts of both meanwhile.

    Attributes:
        kills: How often which was killed.
        starts: How often the driver was started.
        said: The last lines of the driver's stderr.
    """

    cluster: Cluster
    command: Sequence[str]
    choose: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    said: str = ""
    _driver: Any = None

    def run(self, kinds: Sequence[str], *, pause: tuple[float, float] = _PAUSE) -> None:
        """Kill one of each of ``kinds`` after the other; then let the command end."""
        self._start()
        for kind in kinds:
            self._sleep(self.choose.uniform(*pause))
            getattr(self, f"_kill_{kind}")()
            self.kills[kind] += 1
            print(f"{time.strftime('%X')} killed a {kind}", file=sys.stderr)  # noqa: T201
        self.said = self._driver.communicate()[1].decode()
        assert self._driver.returncode == 0, self.said

    def _start(self) -> None:
        self._driver = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.starts += 1

    def _sleep(self, seconds: float) -> None:
        """A job that is done early is no test of kills: it must go on."""
        time.sleep(seconds)
        code = self._driver.poll()
        assert code is None, f"ended with {code} before all kills: {self._driver.stderr.read().decode()}"

    def _kill_driver(self) -> None:
        self._driver.send_signal(signal.SIGKILL)
        self._driver.communicate()
        self._start()

    def _kill_worker(self) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if workers := self._workers():
                self.choose.choice(workers).kill()
                return
            time.sleep(0.2)
        raise AssertionError("no worker to kill")

    def _kill_node(self) -> None:
        node = self.choose.choice([*self.cluster.worker_nodes])
        self.cluster.remove_node(node, allow_graceful=False)
        self.cluster.add_node(num_cpus=1, object_store_memory=150_000_000, wait=False)

    def _workers(self) -> list[psutil.Process]:
        mine = psutil.Process().children(recursive=True)
        return [each for each in mine if _title(each).startswith("ray::Member")]


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def check(folder: Path, *, pictures: int) -> dict[int, str]:
    """The sha256 of each picture; every one is listed once, and is what its line says."""
    raw = (folder / "manifest.jsonl").read_bytes().splitlines()
    lines = [msgspec.json.decode(line, type=Line) for line in raw]
    assert sorted(line.number for line in lines) == list(range(pictures))
    assert all(sha256((folder / line.file).read_bytes()).hexdigest() == line.sha256 for line in lines)
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".lock")]
    assert len(files) == pictures + 2, "nothing lies there but pictures, manifest and job.json"
    return {line.number: line.sha256 for line in lines}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("prompts", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    told = parser.parse_args()
    choose = random.Random(told.seed)  # noqa: S311
    with two_nodes() as cluster:
        command = job(told.bundle, told.prompts, told.folder, "--ray", cluster.address)
        killer = Killer(cluster, command, choose)
        started = time.monotonic()
        killer.run([KINDS[index % len(KINDS)] for index in range(told.kills)])
        seconds = time.monotonic() - started
    found = check(told.folder, pictures=len(told.prompts.read_text().splitlines()))
    print(f"{len(found)} pictures in {seconds:.0f} s, killed {dict(killer.kills)}, drivers {killer.starts}")  # noqa: T201
    print(killer.said)  # noqa: T201


if __name__ == "__main__":
    main()
