"""A profile with the small pipeline of the tests, to be written as scripts."""

import json
import runpy
import sys
from pathlib import Path

import msgspec
import pytest

from accel_bench.codegen import Choice, choose
from accel_bench.profiles import encode_profile
from accel_bench.profiles.files import read_profile
from accel_runtime.plans.deep_calls import parse_deep_calls
from accel_runtime.plans.spec import PlanSpec

HEAD = """\
format = 2
name = "lab"
title = {title}

[device]
kind = "cpu"
title = "any processor"

[[backends]]
provider = "cpu"
"""

CONFIG = """
[configs.{name}]
model = {model}
width = {size}
height = {size}
batch = {batch}
dtype = "fp32"
guidance = {guidance}
plan.deep = {plan}
plan.branch = {branch}
plan.forecast = "{forecast}"
plan.weights = {weights}
plan.scheduler = "{scheduler}"
plan.steps = {steps}
{guided_calls}
"""


def write_lab(
    folder: Path,
    model: str | Path,
    *,
    title: str = "The lab's machine",
    size: int = 16,
    scheduler: str = "ddim",
    steps: int = 4,
    guidance: float = 7.5,
    batch: int = 1,
    plan: str = "every:2",
    branch: int = 0,
    forecast: str = "hold",
    weights: str = "{}",
    guided_calls: str = "",
    spec: PlanSpec | None = None,
) -> Choice:
    """The one config of a profile that is written into ``folder``; with ``spec`` its plan is that one."""
    config = CONFIG.format(
        name="one",
        model=json.dumps(str(model)),
        size=size,
        scheduler=scheduler,
        steps=steps,
        guidance=guidance,
        batch=batch,
        plan=json.dumps(parse_deep_calls(plan)),
        branch=branch,
        forecast=forecast,
        weights=weights,
        guided_calls=f"plan.guided_calls = [{guided_calls.replace('-', ', ')}]" if guided_calls else "",
    )
    path = folder / "lab.toml"
    path.write_text(HEAD.format(title=json.dumps(title)) + config)
    if spec is not None:
        profile = read_profile(path)
        changed = msgspec.structs.replace(profile.configs["one"], plan=spec)
        path.write_bytes(encode_profile(msgspec.structs.replace(profile, configs={"one": changed})))
    return choose(str(path), "one")


def run_here(script: Path, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a program, without the seconds that importing torch takes in a process of its own."""
    monkeypatch.setattr(sys, "argv", [str(script), *arguments])
    runpy.run_path(str(script), run_name="__main__")
