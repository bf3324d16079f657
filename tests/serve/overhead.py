"""What the engine and HTTP add to a picture, in one interleaved run on a machine that does nothing else.

python -m tests.serve.overhead BUNDLE
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from tests.serve.conftest import start_server

from accel_runtime import Request, open_bundle
from accel_serve import Engine, Order, forced_mode

ROUNDS, STEPS = 40, 10


def main() -> None:
    """Draw the same picture in all ways, in turn, and print the least seconds of each."""
    folder = Path(sys.argv[1])
    pipeline = open_bundle(folder, verification="sizes")
    plan, request = pipeline.plan(STEPS), Request(("a",), seed=1)
    engine = Engine(pipeline, forced_mode(pipeline, "steps", most_images=4))
    server = start_server(folder, "--mode", "steps")
    body = {"prompt": "a", "seed": 1, "num_inference_steps": STEPS}
    with httpx.Client(base_url=server.address, timeout=120) as client:
        ways: dict[str, Callable[[], object]] = {
            "pipeline": lambda: pipeline.generate(request, plan),
            "engine": lambda: list(engine.draw(Order(request, plan))),
            "HTTP": lambda: client.post("/v1/images/generations", json=body).raise_for_status(),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, draw in ways.items():
                started = time.perf_counter()
                draw()
                seconds[name].append(time.perf_counter() - started)
    engine.close(finish_s=0)
    server.stop()
    for name, each in seconds.items():
        sys.stdout.write(f"{name}: {min(each) * 1e3:.2f} ms\n")


if __name__ == "__main__":
    main()
