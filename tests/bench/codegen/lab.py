"""A profile with the small pipeline of the tests, to be written as scripts."""

import json
from pathlib import Path

from accel_bench.codegen import Choice, choose

HEAD = """\
format = 1
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
width = 16
height = 16
batch = {batch}
dtype = "fp32"
scheduler = "{scheduler}"
steps = {steps}
guidance = {guidance}
plan = "{plan}"
branch = {branch}
forecast = "{forecast}"
forecast_weights = {weights}
guided_calls = "{guided_calls}"
"""


def write_lab(
    folder: Path,
    model: str | Path,
    *,
    title: str = "The lab's machine",
    scheduler: str = "ddim",
    steps: int = 4,
    guidance: float = 7.5,
    batch: int = 1,
    plan: str = "every:2",
    branch: int = 0,
    forecast: str = "hold",
    weights: str = "{}",
    guided_calls: str = "",
) -> Choice:
    """The one config of a profile that is written into ``folder``."""
    config = CONFIG.format(
        name="one",
        model=json.dumps(str(model)),
        scheduler=scheduler,
        steps=steps,
        guidance=guidance,
        batch=batch,
        plan=plan,
        branch=branch,
        forecast=forecast,
        weights=weights,
        guided_calls=guided_calls,
    )
    path = folder / "lab.toml"
    path.write_text(HEAD.format(title=json.dumps(title)) + config)
    return choose(str(path), "one")
