"""Requests at random moments against several ways of serving, in one interleaved run.

    python -m tests.serve.load BUNDLE --seconds 30 --rounds 2

Each mode is a server of its own. First one client measures what a picture costs in `singles`: that is the capacity of
a wrapper that draws one at a time. Then, round by round, every mode gets the same arrivals (of one seed) at
each share of that capacity. Latency is from the moment a request should have been sent.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Any

import httpx
from tests.serve.conftest import Server, start_server

MODES = ("singles", "batches", "steps")
SHARES = (0.5, 0.9, 1.2)


@dataclass(frozen=True, slots=True)
class Cell:
    """What came of one mode at one share of the capacity: seconds of each picture, refusals, and the time of all."""

    latencies: tuple[float, ...]
    refused: int
    seconds: float


def bodies(seed: int, steps: int) -> Iterator[dict[str, Any]]:
    """Requests of two plans, one with every call deep and one that reuses features."""
    random = Random(seed)  # noqa: S311 - to be had again
    while True:
        plan = random.choice(("full", "every:3"))
        yield {"prompt": "a red apple", "seed": random.randrange(1000), "plan": plan, "num_inference_steps": steps}


async def measure(server: Server, rate: float, *, seconds: float, seed: int, steps: int) -> Cell:
    """Send requests at a mean rate for some seconds and wait for all answers."""
    random, latencies, refused = Random(seed), list[float](), 0  # noqa: S311 - as above
    started = time.perf_counter()

    async def ask(client: httpx.AsyncClient, body: dict[str, Any], due: float) -> None:
        nonlocal refused
        answer = await client.post("/v1/images/generations", json=body)
        if answer.status_code == 200:
            latencies.append(time.perf_counter() - started - due)
        else:
            refused += 1

    async with httpx.AsyncClient(base_url=server.address, timeout=600) as client, asyncio.TaskGroup() as tasks:
        due = 0.0
        for body in bodies(seed, steps):
            due += random.expovariate(rate)
            if due > seconds:
                break
            await asyncio.sleep(max(0.0, started + due - time.perf_counter()))
            tasks.create_task(ask(client, body, due))
    return Cell(tuple(latencies), refused, time.perf_counter() - started)


def capacity(server: Server, *, steps: int, pictures: int = 12) -> float:
    """Pictures a second of one client after another."""
    with httpx.Client(base_url=server.address, timeout=600) as client:
        client.post("/v1/images/generations", json=next(bodies(0, steps)))
        started = time.perf_counter()
        for body, _ in zip(bodies(1, steps), range(pictures), strict=False):
            client.post("/v1/images/generations", json=body)
        return pictures / (time.perf_counter() - started)


def show(mode: str, share: float, cells: Sequence[Cell]) -> str:
    """One line: pictures a second, p50, p90 and p99, refusals; the median of the rounds' rates."""
    latencies = sorted(each for cell in cells for each in cell.latencies)
    cuts = quantiles(latencies, n=100) if len(latencies) > 1 else [latencies[0]] * 99
    rate = median(len(cell.latencies) / cell.seconds for cell in cells)
    refused = sum(cell.refused for cell in cells)
    at = "  ".join(f"p{cut} {cuts[cut - 1]:.2f} s" for cut in (50, 90, 99))
    return f"{share:.1f}  {mode:8}  {rate:.2f}/s  {at}  {len(latencies)} drawn, {refused} refused"


def main() -> None:
    """Measure, and print one line for each mode at each share."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch", type=int, default=4)
    told = parser.parse_args()
    with ExitStack() as servers:
        running = {}
        for mode in MODES:
            running[mode] = start_server(told.bundle, "--mode", mode, "--batch", str(told.batch))
            servers.callback(running[mode].stop)
        most = capacity(running["singles"], steps=told.steps)
        sys.stdout.write(f"capacity of singles: {most:.2f} pictures a second\n")
        found: dict[tuple[float, str], list[Cell]] = {}
        for number in range(told.rounds):
            for share in SHARES:
                for mode in MODES[number % 3 :] + MODES[: number % 3]:
                    told_of = {"seconds": told.seconds, "seed": number, "steps": told.steps}
                    cell = asyncio.run(measure(running[mode], share * most, **told_of))
                    found.setdefault((share, mode), []).append(cell)
        for (share, mode), cells in sorted(found.items()):
            sys.stdout.write(show(mode, share, cells) + "\n")


if __name__ == "__main__":
    main()
