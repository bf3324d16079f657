"""``python -m tests.overhead.bare BUNDLE [ROUNDS]``: our deep call against the same graph in a bare `InferenceSession`.

Guided, one image, at the bundle's own size; alternating, raw seconds as JSON.
"""

import json
import statistics
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import onnxruntime

from accel_runtime import Request, open_bundle


def main(folder: Path, rounds: int) -> None:
    """Measure and print."""
    pipeline = open_bundle(folder, verification="sizes")
    plan = pipeline.plan(rounds + 1, "full", scheduler="ddim")
    steps = pipeline.denoise(Request(("a squirrel",)), plan)
    latents = next(steps).latents  # warm
    file = pipeline.bundle.path(pipeline.bundle.manifest.deep.file)
    bare = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    feeds = {
        "sample": np.concatenate([latents, latents]),
        "timestep": np.array([500], np.float32),
        "encoder_hidden_states": pipeline.condition(Request(("a squirrel",)), guided=True).rows(
            "encoder_hidden_states"
        ),
    }
    bare.run(["out_sample"], feeds)
    samples: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(rounds):
        started = perf_counter()
        next(steps)
        samples["ours"].append(perf_counter() - started)
        started = perf_counter()
        bare.run(["out_sample"], feeds)
        samples["bare"].append(perf_counter() - started)
    ratios = [ours / other for ours, other in zip(samples["ours"], samples["bare"], strict=True)]
    found = {"samples_s": samples, "ratios": ratios, "median_ratio": statistics.median(ratios)}
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5)
