"""The service on Ray Serve, on this machine."""

import asyncio
import base64
import io
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import psutil
import pytest
from PIL import Image

from accel_runtime import InputError, Request, open_bundle
from accel_serve.on_ray import Arguments, Replica, application

STEPS = 6


def test_a_wrong_argument_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match=r"`bundle`: expected bundles, plan"):
        application({"bundle": "/srv/sd15"})
    with pytest.raises(InputError, match=r"\$\.gpus"):
        application({"bundles": "/srv/sd15", "gpus": "some"})


def test_a_replica_answers_as_the_service_does_and_ends_its_engines(served_folder: Path) -> None:
    replica = Replica(Arguments(bundles=str(served_folder), mode="singles", plan="fast"))

    async def ask() -> tuple[int, dict[str, Any]]:
        transport = httpx.ASGITransport(replica.__serve_build_asgi_app__())
        async with httpx.AsyncClient(transport=transport, base_url="http://any-host") as asking:
            ready = await asking.get("/health/ready")
            body = {"prompt": "a squirrel", "seed": 3}
            return ready.status_code, (await asking.post("/v1/images/generations", json=body)).json()

    status, answer = asyncio.run(ask())
    engine = replica.service.models["small"].engine
    replica.close()
    pipeline = open_bundle(served_folder, verification="sizes")
    plan = pipeline.compile(pipeline.named_plan("fast"))
    expected = pipeline.generate(Request(("a squirrel",), seed=3), plan).images[0]
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(answer["data"][0]["b64_json"]))))

    assert (status, answer["plan"]) == (200, "fast")
    assert np.abs(picture.astype(int) - expected).max() <= 1
    assert engine is not None
    assert engine.is_closing


@pytest.fixture(scope="module")
def client(served_folder: Path) -> Iterator[openai.OpenAI]:
    """The official client of two replicas."""
    serve = pytest.importorskip("ray.serve", reason="ray[serve] is not installed", exc_type=ImportError)
    import ray

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=150_000_000, log_to_driver=False)
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": port})
        told = {"bundles": str(served_folder), "mode": "steps", "batch": "4", "least": "2", "cpus": "0.5"}
        serve.run(application(told), name="accel", route_prefix="/")
        with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=20) as made:
            yield made
    finally:
        serve.shutdown()
        ray.shutdown()


def drawn(client: openai.OpenAI, seed: int) -> np.ndarray:
    extra = {"seed": seed, "num_inference_steps": STEPS}
    answer = client.images.generate(prompt="a squirrel", model="small", extra_body=extra)
    assert answer.data is not None
    file = io.BytesIO(base64.b64decode(str(answer.data[0].b64_json)))
    return np.asarray(Image.open(file).convert("RGB")).astype(int)


@pytest.mark.slow
def test_replicas_draw_the_pipelines_pictures_and_one_that_is_killed_loses_none(
    client: openai.OpenAI, served_folder: Path
) -> None:
    pipeline = open_bundle(served_folder, verification="sizes")
    plan = pipeline.plan(STEPS)
    expected = [pipeline.generate(Request(("a squirrel",), seed=seed), plan).images[0] for seed in range(24)]
    before = replicas()
    with ThreadPoolExecutor(12) as clients:
        answers = [clients.submit(drawn, client, seed) for seed in range(24)]
        answers[2].result()
        before[0].kill()
        pictures = [answer.result() for answer in answers]

    assert len(before) == 2
    for picture, wanted in zip(pictures, expected, strict=True):
        assert np.abs(picture - wanted).max() <= 1


def replicas() -> list[psutil.Process]:
    """The processes of the replicas."""
    mine = psutil.Process().children(recursive=True)
    return [each for each in mine if "ServeReplica:accel" in " ".join(each.cmdline())]
