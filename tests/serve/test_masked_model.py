"""A model that fills in masked pictures is served: edits are drawn, and a prompt alone is refused in one line."""

import base64
import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.bundles import family_bundle
from tests.serve.conftest import Server, start_server

from accel_runtime import PlanSpec, Request, open_bundle
from accel_runtime.bundle.named_plans import add_plan

PICTURE = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)
MASK = np.where(np.arange(16) < 8, 255, 0).astype(np.uint8) * np.ones((16, 1), np.uint8)
SPEC = PlanSpec(deep="every:2", branch=1, scheduler="ddim", steps=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle, with a plan that its tables allow."""
    place = tmp_path_factory.mktemp("served") / "inpaint"
    shutil.copytree(family_bundle("inpaint"), place, copy_function=os.link)
    add_plan(place, "short", SPEC)
    return place


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    started = start_server(folder, "--plan", "short")
    yield started
    code, log = started.stop()
    assert code == 0, log


def png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_an_edit_is_the_pipelines(server: Server, folder: Path) -> None:
    files = {"image": ("a.png", png(PICTURE)), "mask": ("m.png", png(MASK))}
    asked = {"prompt": "sky", "seed": "3", "strength": "1"}

    answer = httpx.post(f"{server.address}/v1/images/edits", data=asked, files=files, timeout=120)

    assert answer.status_code == 200, answer.text
    made = Image.open(io.BytesIO(base64.b64decode(answer.json()["data"][0]["b64_json"]))).convert("RGB")
    pipeline = open_bundle(folder, verification="sizes")
    request = Request(("sky",), seed=3, image=PICTURE, mask=MASK)
    wanted = pipeline.generate(request, pipeline.compile(SPEC, guidance=7.5)).images[0]
    assert np.abs(np.asarray(made).astype(int) - wanted).max() <= 1


def test_a_prompt_alone_is_refused(server: Server) -> None:
    answer = httpx.post(f"{server.address}/v1/images/generations", json={"prompt": "sky"}, timeout=120)

    assert answer.status_code == 400
    assert (
        "mask: the model fills in a masked picture: expected an image and a mask" in answer.json()["error"]["message"]
    )
