"""``accel bench --profile`` from end to end: bundles are made once, configs run, figures judged."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from accel_bench.environment import read_environment
from accel_bench.records.store import read_bench
from accel_bench.replay.verdict import machine_name

PROFILE = """
format = 1
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
scheduler = "ddim"
steps = 4
guidance = 3.0
plan = "full"
expected.latency_s = {{ kind = "measured", value = {latency}, record = "r", machine = "{machine}" }}

[configs.every2]
model = "{model}"
width = 16
height = 16
batch = 2
dtype = "fp32"
scheduler = "ddim"
steps = 4
guidance = 3.0
plan = "every:2"
baseline = "full"
expected.speedup = {{ kind = "measured", value = 0.1, record = "r", machine = "{machine}" }}
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
    command = [
        sys.executable,
        "-m",
        "accel_bench",
        "bench",
        "--profile",
        "./here.toml",
        "--rounds",
        "2",
        "--budget",
        "0",
    ]
    return subprocess.run(
        [*command, *options],
        cwd=folder,
        env=os.environ | {"ACCEL_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


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
