"""A thousand requests, of which many are cancelled, malformed, without a key, or slow: none may be lost.

python -m tests.serve.storm BUNDLE --requests 1000
"""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
from tests.serve.conftest import KEY, Server, start_server

CONNECTIONS = 50
PATH = "/v1/images/generations"
MALFORMED: tuple[Any, ...] = (b"{", b"[]", b'{"prompt": 1}', b'{"prompt": "a", "n": 99}', b'{"prompt": "\xff"}')


@dataclass(slots=True)
class Seen:
    """What came of the requests.

    Attributes:
        outcomes: How many ended how.
        wrong: Answers that should be others.
        memory: Resident bytes of the server, from time to time.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)


async def storm(server: Server, requests: int, *, seed: int = 0) -> Seen:
    """Send all requests over `CONNECTIONS` connections."""
    random, seen, places = Random(seed), Seen(), asyncio.Semaphore(CONNECTIONS)  # noqa: S311 - to be had again
    limits = httpx.Limits(max_connections=CONNECTIONS)
    async with httpx.AsyncClient(base_url=server.address, timeout=120, limits=limits) as client:

        async def one(number: int) -> None:
            async with places:
                await ask(client, server, random, seen)
            if number % 50 == 0:
                seen.memory.append(resident(server.process.pid))

        await asyncio.gather(*(one(number) for number in range(requests)))
    return seen


async def ask(client: httpx.AsyncClient, server: Server, random: Random, seen: Seen) -> None:
    """One request of a kind by chance."""
    kind, key = random.random(), {"Authorization": f"Bearer {KEY}"}
    body = {"prompt": "a", "num_inference_steps": random.randint(2, 12), "plan": random.choice(("full", "every:3"))}
    body["n"] = random.choice((1, 1, 1, 2))
    body["stream"] = random.random() < 0.3
    if kind < 0.30:
        await cancelled(client, body, key, seen, after=random.uniform(0, 0.5))
    elif kind < 0.40:
        content = random.choice(MALFORMED)
        expect(await client.post(PATH, content=content, headers={**key, "Content-Type": "application/json"}), 400, seen)
    elif kind < 0.45:
        expect(await client.post(PATH, json=body, headers={"Authorization": "Bearer wrong"}), 401, seen)
    elif kind < 0.50:
        await slow(server, key, seen)
    else:
        answer = await client.post(PATH, json=body, headers=key)
        if answer.status_code == 429:
            expect(answer, 429, seen)
        else:
            told = answer.text if body["stream"] else answer.json().get("data")
            whole = told.count("image_generation.completed\n") if isinstance(told, str) else len(told or ())
            seen.outcomes["drawn" if whole == body["n"] else "lost"] += 1


async def cancelled(
    client: httpx.AsyncClient, body: dict[str, Any], key: dict[str, str], seen: Seen, *, after: float
) -> None:
    """A client that goes away, unless it is answered first."""
    try:
        await asyncio.wait_for(client.post(PATH, json=body, headers=key), after)
        seen.outcomes["answered before it was cancelled"] += 1
    except TimeoutError:
        seen.outcomes["cancelled"] += 1


async def slow(server: Server, key: dict[str, str], seen: Seen) -> None:
    """A client that sends its body byte by byte."""
    host, port = server.address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = b'{"prompt": "a", "num_inference_steps": 2}'
    lines = [f"POST {PATH} HTTP/1.1", f"Host: {host}:{port}", f"Authorization: {key['Authorization']}"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close"]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    for at in range(len(body)):
        writer.write(body[at : at + 1])
        await asyncio.sleep(0.02)
    status = (await reader.read()).split(b" ", 2)[1]
    seen.outcomes[f"slow, {status.decode()}"] += 1
    writer.close()


def expect(answer: httpx.Response, status: int, seen: Seen) -> None:
    """Count a refusal, which is a JSON error."""
    if answer.status_code != status or set(answer.json().get("error", ())) != {"message", "type", "param", "code"}:
        seen.wrong.append(f"expected {status}, got {answer.status_code}: {answer.text[:200]}")
    seen.outcomes[f"refused, {status}"] += 1


def resident(process: int) -> int:
    """Bytes of memory that a process has (Linux)."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4096


def main() -> None:
    """Run the storm, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--requests", type=int, default=1000)
    told = parser.parse_args()
    with tempfile.NamedTemporaryFile("w", suffix=".keys") as keys:
        keys.write(KEY)
        keys.flush()
        server = start_server(
            told.bundle, "--mode", "steps", "--batch", "4", "--queue", "64", "--api-key-file", keys.name
        )
    seen = asyncio.run(storm(server, told.requests))
    told_at_last = httpx.get(f"{server.address}/metrics", headers={"Authorization": f"Bearer {KEY}"}).text
    code, log = server.stop()
    sys.stdout.write("\n".join(f"{name}: {count}" for name, count in sorted(seen.outcomes.items())) + "\n")
    sys.stdout.write(f"memory, MB: {[round(each / 1e6) for each in seen.memory]}\n")
    sys.stdout.writelines(f"{line}\n" for line in told_at_last.splitlines() if line.startswith("accel_requests_total"))
    sys.stdout.write(f"exit {code}, {log.count('Traceback')} tracebacks, {len(seen.wrong)} wrong answers\n")
    sys.stdout.writelines(f"{each}\n" for each in seen.wrong[:5])
    sys.stdout.write(log[log.find("Traceback") :][:3000] if "Traceback" in log else "")


if __name__ == "__main__":
    main()
