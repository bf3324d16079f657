"""What the engine and HTTP add to a picture, in one interleaved run.

python -m tests.serve.overhead BUNDLE

Graphs run on one thread, for ONNX Runtime's threads turn while they wait for each other, and that would count as work.
Seconds of the clock are only right on a machine that does nothing else; those of the processor nearly always.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import httpx
from tests.serve.conftest import start_server

from accel_runtime import Request, open_bundle
from accel_runtime.backends import make_backend
from accel_serve import Engine, Order, forced_mode

ROUNDS, STEPS = 40, 10


def main() -> None:
    """Draw the same picture in all ways, in turn; print the clock's median and least, and the processor's.

    Of HTTP the processor's seconds are those of the server, and not those of its client.
    """
    folder = Path(sys.argv[1])
    pipeline = open_bundle(folder, make_backend("cpu", threads=1), verification="sizes")
    plan, request = pipeline.plan(STEPS), Request(("a",), seed=1)
    engine = Engine(pipeline, forced_mode(pipeline, "steps", most_images=4))
    server = start_server(folder, "--mode", "steps", "--threads", "1")
    body = {"prompt": "a", "seed": 1, "num_inference_steps": STEPS}
    with httpx.Client(base_url=server.address, timeout=120) as client:
        ways: dict[str, Callable[[], object]] = {
            "pipeline": lambda: pipeline.generate(request, plan),
            "engine": lambda: list(engine.draw(Order(request, plan))),
            "HTTP": lambda: client.post("/v1/images/generations", json=body).raise_for_status(),
        }
        clock: dict[str, list[float]] = {name: [] for name in ways}
        processor: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, draw in ways.items():
                process = server.process.pid if name == "HTTP" else os.getpid()
                started, busy = time.perf_counter(), _busy(process)
                draw()
                clock[name].append(time.perf_counter() - started)
                processor[name].append(_busy(process) - busy)
    engine.close(finish_s=0)
    server.stop()
    for name in ways:
        sys.stdout.write(
            f"{name}: {median(clock[name]) * 1e3:.2f} ms by the clock (least {min(clock[name]) * 1e3:.2f}), "
            f"{median(processor[name]) * 1e3:.2f} ms of the processor (least {min(processor[name]) * 1e3:.2f})\n"
        )


def _busy(process: int) -> float:
    """Processor seconds of a process's living threads (Linux)."""
    threads = Path(f"/proc/{process}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


if __name__ == "__main__":
    main()
