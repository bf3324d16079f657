"""``python -m tests.studies.transfer BUNDLE PLAN…``: how far solved plans hold where they were not solved.

Each row draws 16 pictures of the built-in captions with a plan and without one, at another guidance, size or source of
prompts, and gives the PSNR between them.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from accel_bench.cli.options import choose_backend
from accel_bench.quality.captions import evaluation_captions
from accel_bench.quality.psnr import psnr
from accel_runtime import Pipeline, PlanSpec, Request, open_bundle, read_plan

BATCH, PICTURES = 8, 16
# Sentences that the built-in model's data does not have.
FOREIGN = (
    "a photograph of an astronaut riding a horse",
    "the old harbour at night, oil painting",
    "x",
    "blue blue blue",
)


@dataclass(frozen=True)
class Setting:
    """Where a plan is used."""

    guidance: float = 4.0
    height: int | None = None
    width: int | None = None
    foreign: bool = False
    negative: str = ""

    def requests(self) -> Iterator[Request]:
        """The pictures, in batches."""
        captions = [each.caption for each in evaluation_captions(PICTURES, 0)]
        prompts = [FOREIGN[at % len(FOREIGN)] for at in range(PICTURES)] if self.foreign else captions
        for at in range(0, PICTURES, BATCH):
            negatives = (self.negative,) * BATCH
            yield Request(
                tuple(prompts[at : at + BATCH]), negatives=negatives, seed=at, height=self.height, width=self.width
            )


SETTINGS = {
    "as solved": Setting(),
    "guidance 1.5": Setting(guidance=1.5),
    "guidance 3": Setting(guidance=3.0),
    "guidance 5": Setting(guidance=5.0),
    "guidance 6": Setting(guidance=6.0),
    "guidance 7.5": Setting(guidance=7.5),
    "guidance 10": Setting(guidance=10.0),
    "96×96": Setting(height=96, width=96),
    "64×128": Setting(height=64, width=128),
    "other prompts": Setting(foreign=True),
    "negative prompt": Setting(negative="red"),
}


def pictures(pipeline: Pipeline, spec: PlanSpec, setting: Setting) -> np.ndarray:
    """All pictures of a plan at a setting."""
    plan = pipeline.compile(spec, guidance=setting.guidance)
    return np.concatenate([pipeline.generate(request, plan).images for request in setting.requests()])


def main(bundle: str, *plans: str) -> None:
    """Print a table, a row for each setting and a column for each plan."""
    pipeline = open_bundle(bundle, choose_backend("openvino:f32", threads=None, options=None))
    specs = [read_plan(Path(plan)) for plan in plans]
    sys.stdout.write("| used at | " + " | ".join(f"{len(spec.deep)} calls" for spec in specs) + " |\n")
    for name, setting in SETTINGS.items():
        full = replace(setting), PlanSpec(deep="full", scheduler=specs[0].scheduler, steps=specs[0].steps)
        uncached = pictures(pipeline, full[1], full[0]).astype(float)
        errors = [np.mean(np.square(pictures(pipeline, spec, setting) - uncached), axis=(1, 2, 3)) for spec in specs]
        cells = [f"{psnr(error.tolist()):.1f}" for error in errors]
        sys.stdout.write(f"| {name} | " + " | ".join(cells) + " |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
