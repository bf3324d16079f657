"""``python -m tests.studies.libaccel_python BUNDLE PART``: the Python side of `tests.studies.libaccel`.

`first` draws an image and ends; `overhead` tells what lies between graphs. It imports nothing but the runtime, since
start-up counts.
"""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

from accel_runtime import Request, open_bundle
from accel_runtime.backends.onnxruntime import OnnxRuntimeBackend

IMAGES = 60
STEPS, PLAN, GUIDANCE = 20, "every:5", 4.0


def draw_first(bundle: Path) -> None:
    """A process's first image."""
    pipeline = open_bundle(bundle, OnnxRuntimeBackend("cpu", threads=1))
    pipeline.generate(
        Request(prompts=("a red apple",)), pipeline.plan(STEPS, PLAN, scheduler="ddim", guidance=GUIDANCE)
    )


@dataclass
class Timed:
    """A backend, session or call of Python's that counts the processor time inside graphs."""

    wrapped: Any
    inside: list[float] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)

    def load(self, *arguments: Any, **options: Any) -> "Timed":
        return Timed(self.wrapped.load(*arguments, **options), self.inside)

    def bind(self, *arguments: Any, **options: Any) -> "Timed":
        return Timed(self.wrapped.bind(*arguments, **options), self.inside)

    def run(self) -> None:
        start = process_time()
        self.wrapped.run()
        self.inside.append(process_time() - start)


def overhead(bundle: Path) -> float:
    """Microseconds of the loop at a call, less the graph's: from the first call of an image to its last."""
    timed: Any = Timed(OnnxRuntimeBackend("cpu", threads=1))
    pipeline = open_bundle(bundle, timed)
    plan = pipeline.plan(STEPS, PLAN, scheduler="ddim", guidance=GUIDANCE)
    each: list[float] = []
    for _ in range(IMAGES + 1):
        for step in pipeline.denoise(Request(prompts=("a red apple",)), plan):
            if step.index == 0:
                timed.inside.clear()
                start = process_time()
        each.append((process_time() - start - sum(timed.inside)) / (step.total - 1))
    return 1e6 * median(each[1:])


def main() -> None:
    """Run a part, and print its JSON."""
    bundle, part = Path(sys.argv[1]), sys.argv[2]
    if part == "first":
        draw_first(bundle)
    said = {"call_us": overhead(bundle)} if part == "overhead" else {}
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
