"""A profile with configs of made-up figures, and a file of tasks."""

from pathlib import Path

from accel_bench.profiles import (
    BackendChoice,
    Config,
    Expected,
    Figure,
    Measured,
    Predicted,
    Profile,
    Published,
    Source,
    Target,
    encode_profile,
)
from accel_runtime.plans.spec import PlanSpec

# Two sound tasks, by parts and as a sentence.
RIGHT = """\
[[task]]
id = "fast"
pipe = "sd15"
sched = "ddim"
steps = 50
speedup = 2.0

[[task]]
id = "soon"
text = "take an SD1.5 pipeline (DDIM, 50 steps) as the baseline and draw an image within 1.5 s on MI250"
max_score_loss = 0.02
"""


def figure(value: float, kind: str) -> Figure:
    kinds: dict[str, Figure] = {
        "measured": Measured(value, record="r", machine="m"),
        "published": Published(value, source="paper"),
        "predicted": Predicted(value, formula="f"),
    }
    return kinds[kind]


def config(
    *,
    speedup: float | None = None,
    kind: str = "measured",
    loss: float | None = None,
    seconds: float | None = None,
    model: str = "sd15",
    steps: int = 50,
    batch: int = 1,
    baseline: str | None = "full",
) -> Config:
    return Config(
        model=model,
        width=512,
        height=512,
        batch=batch,
        dtype="fp32",
        guidance=7.5,
        plan=PlanSpec(deep="full" if baseline is None else "every:3", scheduler="ddim", steps=steps),
        baseline=baseline,
        expected=Expected(
            latency_s=None if seconds is None else figure(seconds, kind),
            speedup=None if speedup is None else figure(speedup, kind),
            score_loss=None if loss is None else figure(loss, "measured"),
        ),
    )


BASELINES = {
    "full": config(seconds=3.0, baseline=None),
    "full-20": config(steps=20, baseline=None),
    "full-tiny": config(model="tiny", baseline=None),
    "full-batch": config(batch=8, baseline=None),
}


def write_profile(folder: Path, configs: dict[str, Config], *, name: str = "shelf") -> Path:
    """A profile of these configs and of the baselines that they compare with."""
    profile = Profile(
        format=2,
        name=name,
        title="A shelf",
        device=Target(kind="cpu", title="any processor"),
        backends=(BackendChoice("cpu"),),
        sources={"paper": Source("A paper")},
        configs={**BASELINES, **configs},
    )
    path = folder / f"{name}.toml"
    path.write_bytes(encode_profile(profile))
    return path
