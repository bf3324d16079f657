"""Draw a picture from a bundle with accel_runtime, by one config of a profile."""

# (header)

import argparse
from pathlib import Path
from time import perf_counter

from accel_runtime import Forecast, PlanSpec, Request, open_bundle
from accel_runtime.backends import make_backend
from PIL import Image

# (settings)
PROMPT = "red apple on a blue background"
NEGATIVE = ""
BUNDLE = "tiny-bundle"
PROVIDER = "cpu"
PROVIDER_OPTIONS: dict[str, str] = {}
WIDTH, HEIGHT = 64, 64
BATCH = 1
GUIDANCE = 7.5
PLAN = PlanSpec(
    deep="every:3", branch=0, forecast=Forecast.HOLD, scheduler="ddim", steps=20
)
# (end)


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
    plan = pipeline.compile(PLAN, guidance=GUIDANCE)
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
