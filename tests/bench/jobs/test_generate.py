"""`accel generate --prompts FILE` on the small pipeline."""

from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image
from tests.command import accel, assert_refused

from accel_bench.jobs.manifest import Line
from accel_runtime import open_bundle
from accel_runtime.request import Request

FEW = ("--steps", "2", "--scheduler", "ddim", "--plan", "every:2")
ROWS = """prompt,negative_prompt,seed,height,id
a cat,,,,one
an owl,blurred,7,,two
,,,,
a dog,,,72,three
a fox,,,,four
"""


@pytest.fixture(scope="module")
def drawn(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("job")
    (folder / "rows").write_text(ROWS)
    job = ("generate", bundle_folder, "--prompts", "rows", "--batch", "2", *FEW, "-o", "whole", "--parquet")
    done = accel(*job, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "whole: 4 pictures, 4 drawn now" in done.stdout
    return folder


def lines(folder: Path) -> list[Line]:
    raw = (folder / "manifest.jsonl").read_bytes().splitlines()
    return sorted((msgspec.json.decode(line, type=Line) for line in raw), key=lambda line: line.number)


def test_each_row_is_the_picture_that_a_request_of_its_own_draws(drawn: Path, bundle_folder: Path) -> None:
    pipeline, told = open_bundle(bundle_folder), lines(drawn / "whole")
    plan = pipeline.plan(2, "every:2", scheduler="ddim")

    assert [(line.id, line.seed, line.negative_prompt) for line in told] == [
        ("one", 0, ""),
        ("two", 7, "blurred"),
        ("three", 2, ""),
        ("four", 3, ""),
    ]
    assert told[2].height == 72
    table = pyarrow.parquet.read_table(drawn / "whole" / "manifest.parquet").to_pylist()
    assert {row["number"]: row["sha256"] for row in table} == {line.number: line.sha256 for line in told}
    for line in told:
        request = Request((line.prompt,), negatives=(line.negative_prompt,), seed=line.seed, height=line.height)
        expected = pipeline.generate(request, plan).images[0]
        assert np.array_equal(np.asarray(Image.open(drawn / "whole" / line.file)), expected)


@pytest.mark.parametrize("provider", ["cpu", "openvino:f32"])
def test_shards_draw_the_same_files_to_the_byte(drawn: Path, bundle_folder: Path, provider: str) -> None:
    job = ("generate", bundle_folder, "--prompts", "rows", "--batch", "2", *FEW, "--provider", provider)
    folders = {shard: f"{provider}-{shard or 'whole'}".replace("/", "-") for shard in ("", "1/2", "2/2")}
    for shard, folder in folders.items():
        done = accel(*job, *(("--shard", shard) if shard else ()), "-o", folder, cwd=drawn)
        assert done.returncode == 0, done.stderr

    whole = {line.number: line.sha256 for line in lines(drawn / folders[""])}
    parts = {}
    for shard in ("1/2", "2/2"):
        manifest = drawn / folders[shard] / f"manifest-{shard.replace('/', '-of-')}.jsonl"
        for line in manifest.read_bytes().splitlines():
            told = msgspec.json.decode(line, type=Line)
            parts[told.number] = told.sha256
    assert parts == whole


REFUSED = {
    "a prompt as well": (("a cat",), "PROMPT: a job of --prompts has none"),
    "a picture to start from": (("--image", "a.png"), "--image: a job of --prompts has none"),
    "no batch": (("--batch", "0"), "--batch: expected 1 to 1000 pictures drawn together, got 0"),
    "another batch": (("--batch", "3", "-o", "whole"), "whole: holds a job of batch 2, not 3"),
    "another plan": (("--batch", "2", "--plan", "full", "-o", "whole"), "whole: holds a job of other plan"),
    "a table of a shard": (("--shard", "1/2", "--parquet"), "--parquet: is of whole jobs: merge the shards"),
    "no part": (("--shard", "3/2"), "--shard '3/2': expected a part and the number of parts"),
    "a size that cannot be": (("--height", "71"), "pictures 0 to 3: height: expected a positive multiple of"),
    "no cluster's address": (("--ray", "ray://x:1"), "expected auto, or HOST:PORT of the cluster's head"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_job_can_do_is_refused_in_one_line(drawn: Path, bundle_folder: Path, name: str) -> None:
    options, message = REFUSED[name]

    done = accel("generate", bundle_folder, "--prompts", "rows", *FEW, *options, cwd=drawn)

    assert_refused(done, message)


def test_options_of_jobs_alone_are_refused_elsewhere(bundle_folder: Path, tmp_path: Path) -> None:
    done = accel("generate", bundle_folder, "a cat", "--batch", "2", cwd=tmp_path)

    assert_refused(done, "--batch: is for jobs of --prompts; images of one prompt are --images-per-prompt", code=2)
