"""A job on two nodes that meet over a network: each in a network namespace of its own, with a link between (as root).

python -m tests.bench.cluster.namespaces BUNDLE --pictures 64 --rounds 3

Rounds take the first node alone and both in turn. Processor seconds are of the workers and of the driver, so what other
programs do on the machine changes them little; what they say of a cluster is what dividing the work costs, and not how
fast it is.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import psutil
from tests.bench.cluster.killing import SHORT, check

NAMES: Final = ("accel-one", "accel-two")
ADDRESSES: Final = ("10.77.0.1", "10.77.0.2")
PORT: Final = 6377
MEMORY: Final = "150000000"
_START_S: Final = 180.0


@contextmanager
def namespaces() -> Iterator[None]:
    """Both namespaces with a pair of linked interfaces."""
    with ExitStack() as stack:
        for name in NAMES:
            run("ip", "netns", "add", name)
            stack.callback(run, "ip", "netns", "del", name)
        run("ip", "link", "add", NAMES[0], "netns", NAMES[0], "type", "veth", "peer", NAMES[1], "netns", NAMES[1])
        for name, address in zip(NAMES, ADDRESSES, strict=True):
            run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", name)
            run("ip", "-n", name, "link", "set", name, "up")
            run("ip", "-n", name, "link", "set", "lo", "up")
        yield


@contextmanager
def node(index: int, received: Path) -> Iterator[None]:
    """A node of Ray's with one processor; the first is the head."""
    where = ("--head", f"--port={PORT}") if index == 0 else (f"--address={ADDRESSES[0]}:{PORT}",)
    options = (f"--node-ip-address={ADDRESSES[index]}", "--num-cpus=1", f"--object-store-memory={MEMORY}", "--block")
    command = ("ip", "netns", "exec", NAMES[index], "ray", "start", *where, *options, "--disable-usage-stats")
    environment = {**os.environ, "ACCEL_RECEIVED": str(received), "RAY_AUTH_MODE": "disabled"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
    try:
        yield
    finally:
        children = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait(timeout=_START_S)
        for child in children:
            if child.is_running():
                child.kill()


@dataclass(frozen=True, slots=True)
class Ran:
    """A job that is done.

    Attributes:
        files: The sha256 of each picture.
        clock_s: Seconds of the command.
        workers_s: Processor seconds of all workers.
        driver_s: Processor seconds of the command's process.
        linked: Bytes that the driver's machine took and sent over the link.
    """

    files: dict[int, str]
    clock_s: float
    workers_s: float
    driver_s: float
    linked: int


def draw(folder: Path, output: str, *, pictures: int, on_ray: bool) -> Ran:
    """The job in ``folder``; with Ray, of a bundle that no node finds by its path."""
    job = ("-m", "accel_bench", "generate", "/proc/self/cwd/bundle", "--prompts", "prompts", *SHORT, "--batch", "4")
    inside = ("ip", "netns", "exec", NAMES[0]) if on_ray else ()
    ray = ("--ray", f"{ADDRESSES[0]}:{PORT}") if on_ray else ()
    started, linked, workers, driver = time.perf_counter(), _linked() if on_ray else 0, dict[int, float](), 0.0
    command = (*inside, sys.executable, *job, "-o", output, *ray)
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while process.poll() is None:
        workers |= {each.pid: busy for each in psutil.process_iter() if (busy := _busy_worker(each)) is not None}
        driver = max(driver, _busy(process.pid))
        time.sleep(0.1)
    assert process.stderr is not None
    assert process.returncode == 0, process.stderr.read().decode()
    clock_s = time.perf_counter() - started
    moved = _linked() - linked if on_ray else 0
    return Ran(check(folder / output, pictures=pictures), clock_s, sum(workers.values()), driver, moved)


def run(*command: str) -> None:
    """A command that must work."""
    subprocess.run(command, check=True)


def _busy_worker(process: psutil.Process) -> float | None:
    try:
        return _busy(process.pid) if "ray::Member" in " ".join(process.cmdline()) else None
    except psutil.Error:
        return None


def _busy(process: int) -> float:
    """Processor seconds of a process and its living threads; 0 once it is gone (Linux)."""
    try:
        threads = [*Path(f"/proc/{process}/task").iterdir()]
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
    except OSError:
        return 0.0


def _linked() -> int:
    path = f"/sys/class/net/{NAMES[0]}/statistics"
    told = subprocess.run(
        ("ip", "netns", "exec", NAMES[0], "cat", f"{path}/rx_bytes", f"{path}/tx_bytes"),
        capture_output=True,
        check=True,
    )
    return sum(map(int, told.stdout.split()))


def main() -> None:
    """Draw here, then on one node and on two, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    told = parser.parse_args()
    found: dict[int, list[Ran]] = {0: [], 1: [], 2: []}
    with tempfile.TemporaryDirectory() as name, namespaces():
        folder = Path(name)
        (folder / "bundle").symlink_to(told.bundle.absolute())
        (folder / "prompts").write_text("a cat\n" * told.pictures)
        for number in range(told.rounds):
            found[0].append(draw(folder, f"here-{number}", pictures=told.pictures, on_ray=False))
            with node(0, folder / "received-one"):
                time.sleep(15)
                found[1].append(draw(folder, f"one-{number}", pictures=told.pictures, on_ray=True))
                with node(1, folder / "received-two"):
                    time.sleep(15)
                    found[2].append(draw(folder, f"two-{number}", pictures=told.pictures, on_ray=True))
            for nodes, runs in found.items():
                last = runs[-1]
                sys.stdout.write(
                    f"{nodes} nodes: {last.clock_s:.1f} s, processor: workers {last.workers_s:.1f} s, driver "
                    f"{last.driver_s:.1f} s; {last.linked / 1e6:.1f} MB over the link; "
                    f"{'the same files' if last.files == found[0][0].files else 'OTHER FILES'}\n"
                )
                sys.stdout.flush()
    one, two = (median(each.workers_s for each in found[nodes]) for nodes in (1, 2))
    sys.stdout.write(f"workers' processor seconds, two nodes over one: {two / one:.3f}\n")


if __name__ == "__main__":
    main()
