"""Draw a picture from a bundle with accel_runtime, by one config of a profile."""

# (header)

import argparse
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from accel_runtime import Forecast, Pipeline, Plan, Request, make_plan, open_bundle
from accel_runtime.backends import make_backend
from accel_runtime.plan import parse_deep_calls
from PIL import Image

# (settings)
PROMPT = "red apple on a blue background"
NEGATIVE = ""
BUNDLE = "tiny-bundle"
PROVIDER = "cpu"
PROVIDER_OPTIONS: dict[str, str] = {}
WIDTH, HEIGHT = 64, 64
BATCH = 1
SCHEDULER = "ddim"
STEPS = 20
GUIDANCE = 7.5
GUIDED_CALLS: Sequence[int] = range(40)
PLAN = "every:3"
BRANCH = 0
FORECAST = "hold"
FORECAST_WEIGHTS: dict[int, tuple[float, ...]] = {}
# (end)


def plan_calls(pipeline: Pipeline) -> Plan:
    """For each UNet call which pass runs, on which feature, and how it is guided."""
    schedule = pipeline.schedule(STEPS, SCHEDULER)
    calls = len(schedule.rows)
    return make_plan(
        schedule,
        parse_deep_calls(PLAN, calls),
        branch=BRANCH,
        forecast=Forecast(FORECAST),
        weights=FORECAST_WEIGHTS,
        guidance=[GUIDANCE if call in GUIDED_CALLS else 1.0 for call in range(calls)],
    )


def main() -> None:
    """Draw, write PNG files, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt", nargs="?", default=PROMPT)
    parser.add_argument("--negative", default=NEGATIVE, help="what not to draw")
    parser.add_argument("--seed", type=int, default=0, help="image i has seed + i")
    parser.add_argument("--output", type=Path, default=Path("image.png"))
    parser.add_argument("--bundle", default=BUNDLE, help="made by accel export")
    parser.add_argument("--provider", default=PROVIDER)
    arguments = parser.parse_args()

    options = PROVIDER_OPTIONS if arguments.provider == PROVIDER else {}
    backend = make_backend(arguments.provider, options=options)
    pipeline = open_bundle(arguments.bundle, backend)
    plan = plan_calls(pipeline)
    request = Request(
        (arguments.prompt,),
        negatives=(arguments.negative,),
        images_per_prompt=BATCH,
        seed=arguments.seed,
        width=WIDTH,
        height=HEIGHT,
    )
    started = perf_counter()
    result = pipeline.generate(request, plan)
    seconds = perf_counter() - started

    output: Path = arguments.output
    for i, pixels in enumerate(result.images):
        path = output if BATCH == 1 else output.with_stem(f"{output.stem}-{i}")
        Image.fromarray(pixels).save(path)
        print(path)
    deep = f"{len(plan.deep_calls)} of {len(plan.calls)} calls deep"
    print(f"{seconds:.3f} s, of which some load the graphs; {deep}")


if __name__ == "__main__":
    main()
