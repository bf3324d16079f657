"""``accel bench --profile`` from end to end: bundles are made once, configs run, figures judged."""

import json
import subprocess
from pathlib import Path
from statistics import median

import msgspec
import pytest
from tests.command import accel
from tests.solved import solved_plan

from accel_bench.benchmark.record import to_png
from accel_bench.profiles import encode_profile
from accel_bench.profiles.files import read_profile
from accel_bench.quality.psnr import psnr, squared_errors
from accel_bench.records.captions import Caption
from accel_bench.records.environment import machine_name, read_environment
from accel_bench.records.evaluation import EvaluationRecord
from accel_bench.records.store import read_bench, read_record
from accel_runtime import Pipeline, PlanSpec, Request

# What `accel bench` draws where it is told nothing else.
PROMPT = "red apple on a blue background"

PROFILE = """
format = 2
name = "here"
title = "This machine"
device = {{ kind = "cpu", title = "any processor" }}
backends = [{{ provider = "cpu" }}]

[configs.full]
model = "{model}"
width = 16
height = 16
batch = 2
dtype = "fp32"
guidance = 3.0
plan.deep = "full"
plan.scheduler = "ddim"
plan.steps = 4
expected.latency_s = {{ kind = "measured", value = {latency}, record = "r", machine = "{machine}" }}

[configs.every2]
model = "{model}"
width = 16
height = 16
batch = 2
dtype = "fp32"
guidance = 3.0
plan.deep = "every:2"
plan.scheduler = "ddim"
plan.steps = 4
baseline = "full"
expected.speedup = {{ kind = "measured", value = 0.1, record = "r", machine = "{machine}" }}
"""

SOLVED = """
[configs.solved]
model = "{model}"
width = 16
height = 16
batch = 2
dtype = "fp32"
guidance = 3.0
plan.deep = [0]
plan.branch = 3
plan.guided_calls = [0, 1]
plan.scheduler = "ddim"
plan.steps = 3
baseline = "full"
expected.speedup = {{ kind = "measured", value = 0.1, record = "r", machine = "m" }}

[configs.solved.plan.weights]
1 = [1.5]
2 = [0.5]
"""


@pytest.fixture(scope="module")
def folder(source_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the profile; bundles are kept below it."""
    folder = tmp_path_factory.mktemp("replay")
    write_profile(folder, source_folder, latency=1e4)
    return folder


def write_profile(folder: Path, model: Path, *, latency: float) -> None:
    machine = machine_name(read_environment())
    (folder / "here.toml").write_text(PROFILE.format(model=model, latency=latency, machine=machine))


def replay(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACCEL_CACHE", str(folder / "cache"))
        return accel("bench", "--profile", "./here.toml", "--rounds", "2", "--budget", "0", *options, cwd=folder)


def test_configs_are_run_on_a_bundle_that_is_made_once_and_judged(folder: Path) -> None:
    first = replay(folder, "--gate", "--json", "-o", ".")
    (bundle,) = (folder / "cache").iterdir()
    made = (bundle / "accel.json").stat().st_mtime_ns
    second = replay(folder, "--gate", "--json", "-o", ".", "--force")

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert [path.name for path in (folder / "cache").iterdir()] == [bundle.name]
    assert (bundle / "accel.json").stat().st_mtime_ns == made
    shown = json.loads(second.stdout)
    words = {(each["config"], each["figure"]): each["word"] for each in shown["verdicts"]}
    assert words == {
        ("full", "latency_s"): "holds",
        ("every2", "latency_s"): "no expectation",
        ("every2", "speedup"): "holds",
    }
    record = read_bench(folder / "here-0.json")
    assert record.profile is not None
    assert record.profile.configs == {"full": "full", "every:2 k=0 hold": "every2"}
    assert record.profile.comparable
    assert record.workload.batch == 2


def test_a_promise_that_is_broken_fails_the_gate_and_nothing_else(folder: Path, source_folder: Path) -> None:
    write_profile(folder, source_folder, latency=1e-6)

    without, gated = replay(folder, "--config", "full"), replay(folder, "--config", "full", "--gate")

    assert without.returncode == 0, without.stderr
    assert "missed" in without.stdout
    assert gated.returncode == 1
    assert gated.stderr.endswith("accel: profile here does not hold here: full latency_s\n")


def test_a_config_with_weights_and_fewer_steps_runs_just_that_against_its_baseline_s_steps(
    tmp_path: Path, source_folder: Path, bundle_folder: Path, pipeline: Pipeline
) -> None:
    write_profile(tmp_path, source_folder, latency=1e4)
    with (tmp_path / "here.toml").open("a") as profile:
        profile.write(SOLVED.format(model=source_folder))

    done = replay(tmp_path, str(bundle_folder), "--config", "solved", "-o", ".", "--json")

    assert done.returncode == 0, done.stderr
    record = read_bench(tmp_path / "here-0.json")
    full, solved = record.plans
    assert (record.workload.steps, full.facts.calls, solved.facts.calls) == (4, 4, 3)
    assert record.profile is not None
    assert record.profile.configs == {solved.facts.name: "solved"}
    speedup = next(each for each in json.loads(done.stdout)["verdicts"] if each["figure"] == "speedup")
    ratios = [one.seconds / other.seconds for one, other in zip(full.images, solved.images, strict=True)]
    assert speedup["median"] == pytest.approx(median(ratios))
    assert solved.picture == picture_of(pipeline, weights={1: (1.5,), 2: (0.5,)})
    assert solved.picture != picture_of(pipeline, weights={})


def test_a_config_with_skipped_calls_draws_what_its_plan_draws(
    tmp_path: Path, source_folder: Path, bundle_folder: Path, pipeline: Pipeline
) -> None:
    write_profile(tmp_path, source_folder, latency=1e4)
    spec, here = solved_plan((0, 2), shallow=(3,), calls=5, branch=1), read_profile(tmp_path / "here.toml")
    skips = msgspec.structs.replace(here.configs["every2"], plan=spec)
    changed = msgspec.structs.replace(here, configs={**here.configs, "skips": skips})
    (tmp_path / "here.toml").write_bytes(encode_profile(changed))

    done = replay(tmp_path, str(bundle_folder), "--config", "skips", "-o", ".", "--json")

    assert done.returncode == 0, done.stderr
    record = read_bench(tmp_path / "here-0.json")
    full, skipping = record.plans
    assert (record.workload.steps, full.facts.calls, skipping.facts.calls) == (4, 4, 5)
    assert (skipping.facts.plan, skipping.facts.running_calls) == (spec, (0, 2, 3))
    assert record.profile is not None
    assert record.profile.configs == {skipping.facts.name: "skips"}
    assert skipping.picture == picture_by(pipeline, spec)


QUALITY = """
expected.psnr_db = {{ kind = "measured", value = {psnr}, record = "r", machine = "m" }}
expected.score_loss = {{ kind = "measured", value = 1.0, record = "r", machine = "m", note = "emoji-clip" }}
"""


def test_pictures_are_judged_where_that_is_asked_for(
    tmp_path: Path, source_folder: Path, bundle_folder: Path, pipeline: Pipeline
) -> None:
    write_profile(tmp_path, source_folder, latency=1e4)
    with (tmp_path / "here.toml").open("a") as profile:
        profile.write(QUALITY.format(psnr=100.0))

    refused = replay(tmp_path, str(bundle_folder), "--quality", "3")
    done = replay(tmp_path, str(bundle_folder), "--quality", "4", "-o", ".", "--json")

    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--quality: expected a multiple of the batch, 2, got 3" in refused.stderr
    assert done.returncode == 0, done.stderr
    found = {each["figure"]: each for each in json.loads(done.stdout)["verdicts"] if each["config"] == "every2"}
    assert (found["psnr_db"]["word"], found["score_loss"]["word"]) == ("missed", "holds")
    evaluation = read_record(tmp_path / "here-0-quality.json")
    assert isinstance(evaluation, EvaluationRecord)
    assert found["psnr_db"]["median"] == pytest.approx(psnr_of(pipeline, evaluation.captions))


def psnr_of(pipeline: Pipeline, captions: tuple[Caption, ...]) -> float | None:
    """Of every second call deep, two pictures at a time."""
    errors: list[float] = []
    for start in (0, 2):
        prompts = tuple(each.caption for each in captions[start : start + 2])
        request = Request(prompts, seed=start, height=16, width=16)
        plans = (pipeline.plan(4, plan, scheduler="ddim", guidance=3.0) for plan in ("full", "every:2"))
        full, cached = (pipeline.generate(request, plan).images for plan in plans)
        errors += squared_errors(cached, full).tolist()
    return psnr(errors)


def picture_of(pipeline: Pipeline, *, weights: dict[int, tuple[float, ...]]) -> bytes:
    """The first picture of the solved config's plan, with these weights."""
    spec = PlanSpec(deep=(0,), branch=3, weights=weights, guided_calls=(0, 1), scheduler="ddim", steps=3)
    return picture_by(pipeline, spec)


def picture_by(pipeline: Pipeline, spec: PlanSpec) -> bytes:
    """The first picture of a plan."""
    plan = pipeline.compile(spec, guidance=3.0)
    request = Request((PROMPT,), images_per_prompt=2, height=16, width=16)
    return to_png(pipeline.generate(request, plan).images[0])
