"""The commands as a user meets them: what is printed, what is written."""

import json
import re
import shutil
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image
from tests import command

from accel_bench.base.files import write_record
from accel_bench.records.bench import BenchRecord
from accel_bench.records.store import read_bench, seal
from accel_runtime import open_bundle


def accel(*arguments: str | Path, cwd: Path) -> str:
    done = command.accel(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_generate_writes_a_picture_that_says_how_it_was_made(bundle_folder: Path, tmp_path: Path) -> None:
    shown = accel("generate", bundle_folder, "a cat", "--seed", "3", "--plan", "every:3", cwd=tmp_path)
    image = Image.open(tmp_path / "image.png")
    text: dict[str, str] = getattr(image, "text")  # noqa: B009  # only PNGs have it, Pillow's types do not know

    assert image.size == (16, 16)
    assert text["accel:prompt"] == "a cat"
    assert text["accel:seed"] == "3"
    assert text["accel:plan"].startswith("every:3")
    assert len(text["accel:bundle"]) == 64
    assert "image.png" in shown


def test_the_latents_written_out_are_those_of_the_picture_and_may_start_another(
    bundle_folder: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "noise.npy", np.random.default_rng(0).standard_normal((1, 4, 8, 8)).astype(np.float32))
    options = ("--latents-in", "noise.npy", "--steps", "4")
    accel("generate", bundle_folder, "a cat", *options, "--latents-out", "a.npy", "-o", "a.png", cwd=tmp_path)
    accel(
        "generate",
        bundle_folder,
        "a cat",
        *options,
        "--latents-out",
        "b.npy",
        "-o",
        "b.png",
        "--seed",
        "9",
        cwd=tmp_path,
    )

    assert np.load(tmp_path / "a.npy").shape == (1, 4, 8, 8)
    assert np.array_equal(np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy"))


def test_generate_json_is_one_document_and_every_image_can_be_made_again_alone(
    bundle_folder: Path, tmp_path: Path
) -> None:
    shown = json.loads(
        accel("generate", bundle_folder, "a", "b", "--images-per-prompt", "2", "--steps", "3", "--json", cwd=tmp_path)
    )
    accel("generate", bundle_folder, "b", "--seed", "3", "--steps", "3", "-o", "alone.png", cwd=tmp_path)
    last = np.asarray(Image.open(tmp_path / "image-3.png")).astype(int)
    alone = np.asarray(Image.open(tmp_path / "alone.png")).astype(int)

    assert shown["images"] == [f"image-{index}.png" for index in range(4)]
    assert shown["seeds"] == [0, 1, 2, 3]
    assert shown["backend"]["provider"] == "CPUExecutionProvider"
    assert np.abs(last - alone).max() <= 1


def test_a_picture_may_start_from_another_and_is_changed_as_much_as_asked(bundle_folder: Path, tmp_path: Path) -> None:
    start = np.random.default_rng(0).integers(0, 256, (33, 22, 3), dtype=np.uint8)
    Image.fromarray(start).save(tmp_path / "start.png")
    for strength in ("0.2", "0.9"):
        options = ("--image", "start.png", "--strength", strength, "--steps", "10", "--json")
        shown = json.loads(accel("generate", bundle_folder, "a cat", *options, "-o", f"{strength}.png", cwd=tmp_path))
        assert shown["calls"] == int(10 * float(strength)) + (shown["scheduler"] == "pndm")

    with Image.open(tmp_path / "0.2.png") as image:
        assert image.size == (22, 32)  # multiples of 2
    assert (tmp_path / "0.2.png").read_bytes() != (tmp_path / "0.9.png").read_bytes()


def test_calls_outside_the_guided_ones_run_half_the_batch(bundle_folder: Path, tmp_path: Path) -> None:
    for window in ("0-5", "0-2"):
        options = ("--steps", "6", "--scheduler", "ddim", "--guided-calls", window, "--latents-out", f"{window}.npy")
        accel("generate", bundle_folder, "a cat", *options, "-o", f"{window}.png", cwd=tmp_path)
    accel(
        "generate",
        bundle_folder,
        "a cat",
        *("--steps", "6", "--scheduler", "ddim", "--latents-out", "all.npy", "-o", "all.png"),
        cwd=tmp_path,
    )

    assert np.array_equal(np.load(tmp_path / "0-5.npy"), np.load(tmp_path / "all.npy"))
    assert not np.allclose(np.load(tmp_path / "0-2.npy"), np.load(tmp_path / "all.npy"))


def test_a_too_long_prompt_is_cut_and_the_cut_is_shown(bundle_folder: Path, tmp_path: Path) -> None:
    words = "a prompt of far too many words"
    done = command.accel("generate", bundle_folder, words, "--steps", "2", cwd=tmp_path)

    assert done.returncode == 0
    assert "this end of it is not used: " in done.stderr
    assert (tmp_path / "image.png").exists()


def test_schedulers_lists_what_is_in_a_bundle_and_what_can_be_compiled(bundle_folder: Path, tmp_path: Path) -> None:
    held = json.loads(accel("schedulers", bundle_folder, "--json", cwd=tmp_path))
    facts = {each["name"]: each for each in held["schedulers"]}
    known = json.loads(accel("schedulers", "--json", cwd=tmp_path))["schedulers"]

    assert held["default"] in facts
    assert (facts["heun"]["calls_of_20"], facts["pndm"]["calls_of_20"]) == (39, 21)
    assert (facts["euler_a"]["draws_noise"], facts["euler"]["draws_noise"]) == (True, False)
    assert (facts["ddim"]["memoryless"], facts["dpmpp_2m"]["memoryless"]) == (True, False)
    assert facts["dpmpp_3m_sde"]["history"] == [3, 3]
    assert facts.keys() < known.keys()
    for name in facts:
        assert name in accel("schedulers", bundle_folder, cwd=tmp_path)


def test_a_schedule_that_the_bundle_lacks_is_compiled_for_the_run_and_added_on_request(
    bundle_folder: Path, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(bundle_folder, tmp_path / "bundle"))
    options = ("--steps", "23", "--scheduler", "KDPM2DiscreteScheduler", "--json")
    before = json.loads(accel("generate", bundle, "a cat", *options, "-o", "a.png", cwd=tmp_path))
    added = json.loads(accel("schedules", "add", bundle, "kdpm2", "--steps", "7,23", "--json", cwd=tmp_path))
    after = json.loads(accel("generate", bundle, "a cat", *options, "-o", "b.png", cwd=tmp_path))

    assert added["added"] == [{"steps": 7, "begin": 0, "calls": 13}, {"steps": 23, "begin": 0, "calls": 45}]
    assert before["calls"] == after["calls"] == 45
    assert before["bundle"] != after["bundle"]
    before_it, after_it = (np.asarray(Image.open(tmp_path / name)) for name in ("a.png", "b.png"))
    np.testing.assert_array_equal(before_it, after_it)
    accel("verify", bundle, cwd=tmp_path)


def test_adding_tables_keeps_those_that_are_there(bundle_folder: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(bundle_folder, tmp_path / "bundle"))
    accel("schedules", "add", bundle, "dpmpp_2m", "--steps", "30", "--strength", "0.5", cwd=tmp_path)

    pipeline = open_bundle(bundle)

    assert pipeline.schedule(30, "dpmpp_2m", strength=0.5).begin == 15
    assert pipeline.schedule(20, "dpmpp_2m").begin == 0
    assert not list(bundle.rglob("*.partial"))


def test_bench_keeps_every_raw_sample_and_prints_what_follows_from_them(bundle_folder: Path, tmp_path: Path) -> None:
    options = ("--steps", "6", "--rounds", "2", "--plan", "every:2", "--branch", "1", "--scheduler", "ddim")
    shown = json.loads(accel("bench", bundle_folder, *options, "--json", "-o", "record.json", cwd=tmp_path))
    record = read_bench(tmp_path / "record.json")
    full, cached = record.plans

    assert [full.facts.name, cached.facts.name] == ["full", "every:2 k=1 hold"]
    assert len(full.images) == len(cached.images) == len(record.yardstick_s) == 2
    names = Counter(span.name for span in cached.images[0].spans)
    assert (names["unet_shallow_1"], names["text_encoder"], names["prepare"], names["decode"]) == (3, 2, 1, 1)
    assert cached.picture is not None
    assert Image.open(BytesIO(cached.picture)).size == (16, 16)
    assert record.load_s["unet_deep"] > 0
    assert shown["summary"]["plans"][1]["deep"] == 3
    assert msgspec.convert(shown["record"], BenchRecord) == record
    assert {"few-samples"} <= {doubt["kind"] for doubt in shown["doubts"]}


def test_bench_goes_on_until_it_knows_enough_or_its_budget_is_spent(bundle_folder: Path, tmp_path: Path) -> None:
    options = ("--steps", "2", "--scheduler", "ddim", "--plan", "calls:0", "--rounds", "1", "--json")
    patient = json.loads(accel("bench", bundle_folder, *options, "--target-error", "90%", cwd=tmp_path))
    hasty = json.loads(
        accel("bench", bundle_folder, *options, "--target-error", "0.01%", "--budget", "0", cwd=tmp_path)
    )

    assert len(patient["record"]["yardstick_s"]) >= 6  # fewer give no interval
    assert len(hasty["record"]["yardstick_s"]) == 1


def test_a_run_is_held_against_an_earlier_one(bundle_folder: Path, tmp_path: Path) -> None:
    options = ("--steps", "4", "--scheduler", "ddim", "--rounds", "6", "--plan", "calls:0")
    accel("bench", bundle_folder, *options, "-o", "a.json", cwd=tmp_path)
    accel(
        "bench",
        bundle_folder,
        *options,
        "-o",
        "b.json",
        "--baseline",
        "a.json",
        "--max-regression",
        "300%",
        cwd=tmp_path,
    )

    shown = json.loads(accel("bench", "compare", "a.json", "b.json", "--json", cwd=tmp_path))

    assert [plan["name"] for plan in shown["plans"]] == ["full", "calls:0 k=0 hold"]
    assert all(plan["low"] <= plan["ratio"] <= plan["high"] for plan in shown["plans"])


def test_a_slower_run_fails_with_one_line(bundle_folder: Path, tmp_path: Path) -> None:
    options = ("--steps", "4", "--scheduler", "ddim", "--rounds", "6", "--plan", "calls:0")
    accel("bench", bundle_folder, *options, "-o", "a.json", cwd=tmp_path)
    record = read_bench(tmp_path / "a.json")
    quicker = [
        msgspec.structs.replace(
            plan, images=tuple(msgspec.structs.replace(each, seconds=each.seconds / 20) for each in plan.images)
        )
        for plan in record.plans
    ]
    write_record(tmp_path / "quick.json", seal(msgspec.structs.replace(record, plans=tuple(quicker))))

    done = command.accel("bench", bundle_folder, *options, "--baseline", "quick.json", cwd=tmp_path)

    assert done.returncode == 1
    assert re.search(r"accel: slower than record \w{16}: full [\d.]+%, calls:0 .*, allowed 5.0%\n$", done.stderr)


def test_inspect_shows_the_cost_of_each_pass(bundle_folder: Path, tmp_path: Path) -> None:
    shown = accel("inspect", bundle_folder, cwd=tmp_path)
    as_json: dict[str, Any] = json.loads(accel("inspect", bundle_folder, "--json", cwd=tmp_path))

    assert "unet_shallow_3" in shown
    assert "100.0%" in shown
    assert as_json["manifest"]["schema_version"] == 2


def test_verify_counts_what_it_checked(bundle_folder: Path, tmp_path: Path) -> None:
    assert "8 graphs open on cpu" in accel("verify", bundle_folder, cwd=tmp_path)


@pytest.mark.parametrize("name", ["export", "generate", "bench", "inspect", "verify"])
def test_every_command_explains_itself(name: str, tmp_path: Path) -> None:
    assert "Usage:" in accel(name, "--help", cwd=tmp_path)


def test_a_process_of_its_own_prints_what_the_command_prints_here(bundle_folder: Path, tmp_path: Path) -> None:
    words = ("generate", bundle_folder, "a cat", "--steps", "2", "--json")
    elsewhere = command.accel_process(*words, "-o", "elsewhere.png", cwd=tmp_path)
    here = command.accel(*words, "-o", "here.png", cwd=tmp_path)
    refused = command.accel_process("verify", "nowhere", cwd=tmp_path)

    assert (elsewhere.returncode, elsewhere.stderr) == (0, here.stderr)
    assert json.loads(elsewhere.stdout)["bundle"] == json.loads(here.stdout)["bundle"]
    assert (tmp_path / "elsewhere.png").read_bytes() == (tmp_path / "here.png").read_bytes()
    command.assert_refused(refused, "nowhere")
