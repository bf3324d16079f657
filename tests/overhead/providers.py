"""``python -m tests.overhead.providers BUNDLE PROVIDER…``: every graph of a bundle, by several providers in turn.

Whole images of one plan, guided, at the bundle's own size; a round draws one by each provider, and the order turns from
round to round. Prints raw seconds of every run of every graph as JSON, and where the latents end.
"""

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from accel_bench.cli.options import choose_backend
from accel_bench.plans.names import plan_name
from accel_bench.plans.prepare import Settings, prepare
from accel_bench.timing.contender import PlanContender
from accel_bench.timing.pipeline import TimedPipeline
from accel_runtime import Request
from accel_runtime.backends.base import Array
from accel_runtime.bundle.bundle import read_bundle
from accel_runtime.plans.spec import PlanSpec

REQUEST = Request(("a squirrel",))
PLAN = PlanSpec(deep="every:2")


def open_contender(bundle: Path, provider: str, arguments: argparse.Namespace) -> tuple[PlanContender, Array]:
    """A warm contender, and the final latents of its plan."""
    backend = choose_backend(provider, threads=arguments.threads)
    timed = TimedPipeline.open(read_bundle(bundle), backend)
    settings = Settings(steps=arguments.steps, scheduler="ddim", guidance=7.5, batch=1)
    prepared = prepare(timed.pipeline, [PLAN], settings=settings)[-1]
    *_, last = timed.pipeline.denoise(REQUEST, prepared.plan)
    contender = timed.contender(prepared, request=REQUEST)
    contender.warm_up()
    return contender, last.latents


def main(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    opened = {each: open_contender(arguments.bundle, each, arguments) for each in arguments.providers}
    samples: dict[str, dict[str, list[float]]] = {each: defaultdict(list) for each in opened}
    for turn in range(arguments.rounds):
        order = arguments.providers[turn % len(opened) :] + arguments.providers[: turn % len(opened)]
        for provider in order:
            for span in opened[provider][0].draw().run.spans:
                samples[provider][span.name].append(span.seconds)
    first, *others = (latents for _, latents in opened.values())
    largest = float(np.abs(first).max())
    found = {
        "versions": {each: contender.pipeline.describe().version for each, (contender, _) in opened.items()},
        "threads": arguments.threads,
        "steps": arguments.steps,
        "plan": plan_name(PLAN),
        "latents_relative_difference": [float(np.abs(each - first).max()) / largest for each in others],
        "samples_s": samples,
    }
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("providers", nargs="+")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main(parse())
