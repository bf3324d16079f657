"""What the tests on a software GPU run, exported beside torch, which their own environment does not have.

``python -m tests.gpu_bundles`` makes what is not there and prints the folder.
"""

from pathlib import Path
from typing import Final

from tests.exporter.pipelines import write_tiny_pipeline
from tests.kept import kept

from accel_exporter import ExportOptions, export_bundle, open_source, parse_forms
from accel_exporter.sources import Source

SCHEDULERS: Final = ("ddim", "euler_a", "dpmpp_2m")
_STEPS: Final = 6


def write_bundles(folder: Path) -> None:
    """A random pipeline in two forms and in half precision, another with other weights, and the built-in model."""
    sources = []
    for seed in (0, 1):
        write_tiny_pipeline(folder / f"source-{seed}", seed)
        sources.append(open_source(str(folder / f"source-{seed}")))
    native = ExportOptions(schedulers=SCHEDULERS, max_steps=_STEPS, forms=parse_forms(["native"]))
    _write(sources[0], folder / "small", native)
    _write(sources[0], folder / "small-fp16", ExportOptions(schedulers=("ddim",), max_steps=_STEPS, dtype="float16"))
    _write(sources[1], folder / "other", ExportOptions(schedulers=("ddim",), max_steps=_STEPS))
    built_in = open_source("tiny")
    _write(built_in, folder / "built-in", ExportOptions(branches=(0,), schedulers=("ddim",), max_steps=_STEPS))


def _write(source: Source, target: Path, options: ExportOptions) -> None:
    for _ in export_bundle(source, target, options=options):
        pass


if __name__ == "__main__":
    print(kept("gpu", write_bundles, facts=Path(__file__).read_text()))  # noqa: T201  # for `make gpu-test`
