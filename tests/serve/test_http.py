"""The service as its clients meet it: a process, OpenAI's own client, and HTTP."""

import base64
import io
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from PIL import Image
from tests.command import accel, assert_refused
from tests.serve.conftest import KEY, START_S, Server, start_server

from accel_runtime import Request, open_bundle

# The most that the tests' servers draw: a batch of it takes seconds.
LARGE = "64x64"
CANCELLED = 'accel_requests_total{model="small",outcome="cancelled"}'
RUNNING = 'accel_running_images{model="small"}'
LOWERED = 'accel_lowered_requests_total{model="small"}'
WAITING = 'accel_waiting_images{model="small"}'
GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.address}/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def http(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.address, timeout=120) as made:
        yield made


def pixels(b64_json: str | None) -> np.ndarray:
    assert b64_json is not None
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(b64_json))).convert("RGB")).astype(int)


def png(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def metric(http: httpx.Client, name: str) -> float:
    line = next((line for line in http.get("/metrics").text.splitlines() if line.startswith(name)), f"{name} 0")
    return float(line.rpartition(" ")[2])


def wait_for(http: httpx.Client, name: str, value: float, *, exactly: bool = False) -> None:
    """Ask for a number until it is ``value``, or more."""
    ends = time.monotonic() + START_S
    while (found := metric(http, name)) < value or (exactly and found != value):
        assert time.monotonic() < ends, f"{name}: expected {value}, got {found}"
        time.sleep(0.01)


@contextmanager
def long_request(server: Server, *, images: int, stream: bool = False) -> Iterator[None]:
    """A request of many large images, whose client goes away when the block ends."""
    host, port = server.address.removeprefix("http://").split(":")
    asked = {"prompt": "a", "n": images, "size": LARGE, "stream": stream}
    body = json.dumps(asked).encode()
    head = f"POST {GENERATIONS} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
    with socket.create_connection((host, int(port))) as client:
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        yield


def test_openais_client_draws_what_accel_generate_draws_whatever_else_is_in_the_batch(
    client: openai.OpenAI, http: httpx.Client, served_folder: Path, tmp_path: Path
) -> None:
    def draw_others() -> None:
        body = {"prompt": "another", "n": 2, "num_inference_steps": 15, "scheduler": "euler_a"}
        assert http.post(GENERATIONS, json=body).status_code == 200

    done = accel(
        "generate",
        served_folder,
        "a squirrel",
        "--seed",
        "5",
        "--plan",
        "fast",
        "--images-per-prompt",
        "2",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    others = Thread(target=draw_others)
    others.start()
    answer = client.images.generate(
        model="small", prompt="a squirrel", n=2, size="auto", extra_body={"seed": 5, "plan": "fast"}
    )
    others.join()

    assert answer.data is not None
    for number, each in enumerate(answer.data):
        expected = np.asarray(Image.open(tmp_path / f"image-{number}.png")).astype(int)
        assert np.abs(pixels(each.b64_json) - expected).max() <= 1
    assert (answer.model_extra or {})["plan"] == "fast"
    assert [(each.model_extra or {})["seed"] for each in answer.data] == [5, 6]


def test_openais_client_streams_pictures_that_become_the_last_one(client: openai.OpenAI) -> None:
    extra = {"seed": 5, "num_inference_steps": 6}
    events = [*client.images.generate(prompt="a", model="small", stream=True, partial_images=2, extra_body=extra)]
    whole = client.images.generate(prompt="a", model="small", extra_body=extra)

    assert [event.type for event in events] == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    assert whole.data is not None
    assert (pixels(events[-1].b64_json) == pixels(whole.data[0].b64_json)).all()


def test_an_edit_is_the_pipelines_and_transparent_is_what_is_drawn_anew(
    client: openai.OpenAI, served_folder: Path
) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)
    mask = np.full((16, 16, 4), 255, np.uint8)
    mask[:8, :, 3] = 0
    answer = client.images.edit(
        model="small",
        image=("picture.png", png(picture)),
        mask=("mask.png", png(mask)),
        prompt="sky",
        extra_body={"seed": 3, "num_inference_steps": 4, "scheduler": "ddim"},
    )
    pipeline = open_bundle(served_folder, verification="sizes")
    request = Request(("sky",), seed=3, image=picture, mask=255 - mask[..., 3])
    expected = pipeline.generate(request, pipeline.plan(4, scheduler="ddim", strength=1.0)).images[0]

    assert answer.data is not None
    assert np.abs(pixels(answer.data[0].b64_json) - expected).max() <= 1


def test_formats_files_and_sizes(http: httpx.Client) -> None:
    body = {"prompt": "a", "seed": 1, "num_inference_steps": 2, "size": "18x16"}
    png_file = http.post(GENERATIONS, json={**body, "response_format": "file"})
    webp = http.post(GENERATIONS, json={**body, "output_format": "webp"}).json()
    jpeg = http.post(GENERATIONS, json={**body, "rng_seed": 1, "seed": None, "output_format": "jpeg"}).json()

    assert png_file.headers["content-type"] == "image/png"
    image = Image.open(io.BytesIO(png_file.content))
    assert image.size == (18, 16)
    assert (pixels(webp["data"][0]["b64_json"]) == np.asarray(image)).all()
    assert Image.open(io.BytesIO(base64.b64decode(jpeg["data"][0]["b64_json"]))).format == "JPEG"
    assert jpeg["size"] == "18x16"


@pytest.mark.parametrize(
    ("body", "status", "param", "said"),
    [
        (b"{", 400, None, "JSON"),
        ({}, 400, None, "prompt"),
        ({"prompt": 3}, 400, "prompt", "str"),
        ({"prompt": "a", "steps": 3}, 400, None, "steps"),
        ({"prompt": "a", "n": 11}, 400, "n", "1 to 10"),
        ({"prompt": "a", "num_inference_steps": 1000}, 400, "num_inference_steps", "1 to 100"),
        ({"prompt": "a" * 5000}, 400, "prompt", "4000"),
        ({"prompt": "a", "size": "8by8"}, 400, "size", "WIDTHxHEIGHT"),
        ({"prompt": "a", "size": "15x16"}, 400, "size", "multiple"),
        ({"prompt": "a", "size": "4096x4096"}, 400, "size", "pixels"),
        ({"prompt": "a", "scheduler": "none"}, 400, None, "scheduler"),
        ({"prompt": "a", "plan": "../plans"}, 400, "plan", "fast"),
        ({"prompt": "a", "plan": "fast", "num_inference_steps": 3}, 400, "plan", "6 steps"),
        ({"prompt": "a", "response_format": "url"}, 400, "response_format", "url"),
        ({"prompt": "a", "model": "dall-e-3"}, 404, "model", "small"),
        ({"prompt": "a", "seed": 2**70}, 400, None, ""),
        ({"prompt": "a", "deadline_s": 0}, 400, None, "deadline"),
        ({"prompt": "a", "deadline_s": 0.001, "num_inference_steps": 20}, 504, None, "deadline"),
        (b'{"prompt": "' + b"a" * (1 << 20) + b'"}', 413, None, "bytes"),
    ],
)
def test_a_refusal_is_an_error_of_openais_form(
    http: httpx.Client, body: Any, status: int, param: str | None, said: str
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = http.post(GENERATIONS, content=content, headers={"Content-Type": "application/json"})

    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (status, param), error
    assert set(error) == {"message", "type", "param", "code"}
    assert said in error["message"]


def test_wrong_paths_hosts_origins_and_uploads_are_refused(http: httpx.Client) -> None:
    form = {"prompt": (None, "a")}
    statuses = [
        http.get("/v1/nothing").status_code,
        http.get(GENERATIONS).status_code,
        http.post(GENERATIONS, content=b'{"prompt": "a"}', headers={"Content-Type": "text/plain"}).status_code,
        http.get("/v1/models", headers={"Host": "attacker.example"}).status_code,
        http.post(EDITS, files={**form}, headers={"Origin": "http://attacker.example"}).status_code,
        http.post(EDITS, files={**form, "image": b"no picture"}).status_code,
        http.post(EDITS, files={**form, "image": png(np.zeros((1, 1, 3), np.uint8))}).status_code,
        http.post(EDITS, files=form).status_code,
    ]

    assert statuses == [404, 405, 415, 403, 403, 400, 400, 400]


def test_a_client_that_goes_away_frees_its_place(http: httpx.Client, server: Server) -> None:
    before = metric(http, CANCELLED)
    for number, stream in enumerate((False, True)):
        with long_request(server, images=2, stream=stream):
            wait_for(http, RUNNING, 2)
        wait_for(http, CANCELLED, before + number + 1)
        wait_for(http, RUNNING, 0, exactly=True)


def test_load_is_told_and_lowered(http: httpx.Client, server: Server) -> None:
    lowered: list[httpx.Response] = []
    with long_request(server, images=10):
        wait_for(http, RUNNING, 4)
        with long_request(server, images=9):  # 15 of 16 wait then, and half of them do so for two batches more
            wait_for(http, WAITING, 8)
            asking = Thread(target=lambda: lowered.append(http.post(GENERATIONS, json={"prompt": "a"})))
            asking.start()
            wait_for(http, LOWERED, 1)
            full = httpx.post(server.address + GENERATIONS, json={"prompt": "a", "n": 10}, timeout=120)
    asking.join()
    wait_for(http, RUNNING, 0, exactly=True)
    usual = http.post(GENERATIONS, json={"prompt": "a"})

    assert full.status_code == 429
    assert int(full.headers["Retry-After"]) >= 1
    told = [(answer.status_code, answer.json()["plan"], answer.json()["lowered"]) for answer in (*lowered, usual)]
    assert told == [(200, "fast", True), (200, "full", False)]


def test_what_is_served_is_described(http: httpx.Client) -> None:
    (model,) = http.get("/v1/models").json()["data"]
    fields = http.get("/openapi.json").json()["components"]["schemas"]["Generation"]["properties"]
    front = {each["name"]: each for each in http.get("/front").json()["plans"]}

    assert (model["id"], model["mode"], model["plans"]["names"]) == ("small", "steps", ["fast"])
    assert all(field["description"] for field in fields.values())
    assert http.get("/docs").status_code == 200
    assert front["fast"]["cost"] < front["full"]["cost"] == 1
    assert front["fast"]["figures"] == model["plans"]["figures"]["fast"]
    assert (front["fast"]["figures"]["psnr_db"], front["every:2"]["figures"]) == (31.5, None)


def test_keys_are_asked_and_prompts_and_keys_stay_out_of_the_log(served_folder: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"# the only one\n{KEY}\n")
    server = start_server(served_folder, "--mode", "singles", "--api-key-file", str(keys))
    try:
        body = {"prompt": "a secret prompt", "num_inference_steps": 2}
        statuses = [
            httpx.post(server.address + GENERATIONS, json=body, headers=headers, timeout=60).status_code
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {KEY}"})
        ]
        closed = [httpx.get(server.address + path).status_code for path in ("/metrics", "/v1/models")]
        opened = [httpx.get(server.address + path).status_code for path in ("/", "/docs", "/health/live")]
    finally:
        code, log = server.stop()

    assert statuses == [401, 401, 200]
    assert (closed, opened) == ([401, 401], [200, 200, 200])
    assert code == 0
    assert "n=1" in log
    assert "secret" not in log
    assert KEY not in log


def test_a_stop_under_load_answers_everybody(served_folder: Path) -> None:
    options = ("--mode", "steps", "--batch", "2", "--drain", "0.5", "--queue", "200", "--most-pixels", "4096")
    server = start_server(served_folder, *options)
    answers: list[int] = []

    def draw() -> None:
        body = {"prompt": "a", "n": 8, "size": LARGE}
        answer = httpx.post(server.address + GENERATIONS, json=body, timeout=60)
        assert answer.status_code == 200 or answer.json()["error"]["code"] == "stopping"
        answers.append(answer.status_code)

    threads = [Thread(target=draw) for _ in range(24)]
    for thread in threads:
        thread.start()
    ends = time.monotonic() + START_S
    while server.log.read_text().count("n=8") < len(threads):  # the log tells those that it took
        assert time.monotonic() < ends
        time.sleep(0.05)
    code, log = server.stop()
    for thread in threads:
        thread.join()

    assert code == 0, log
    assert len(answers) == 24
    assert set(answers) <= {200, 503}
    assert 503 in answers


def test_what_cannot_be_served_is_one_line(served_folder: Path, tmp_path: Path) -> None:
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    keys = tmp_path / "keys"
    keys.write_text("\n")
    for options, message in (
        ((served_folder, "--plan", "none"), "plan"),
        ((served_folder, "--mode", "none"), "mode"),
        ((served_folder, "--batch", "0"), "--batch"),
        ((served_folder, "--api-key-file", keys), "expected a key"),
        ((served_folder, served_folder), "another bundle"),
        ((tmp_path,), "accel.json"),
    ):
        assert_refused(accel("serve", *options, cwd=tmp_path), message)
    done = accel("serve", served_folder, "--port", str(taken.getsockname()[1]), "--mode", "singles", cwd=tmp_path)
    taken.close()

    assert done.returncode == 2
    assert "cannot be listened on" in done.stderr.splitlines()[-1]
