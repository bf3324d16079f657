"""``python -m tests.studies.gating``: what a gated call saves of SD1.5's largest transformer block on a processor.

The block, with its projections and random weights, runs on 64 × 64 latents in the attention form, in one process on one
thread: open on one row and on the two of a guided call, keeping on these two, and gated on one. They take turns. Wall
and processor seconds of each run are printed as JSON, in order: on a busy machine the second tell more.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import onnx_ir as ir
import torch
from tests.studies.graph_forms import Contender
from tests.studies.merging import SIDE, TEXT, WIDTH, Block

from accel_bench.cli.console import note
from accel_bench.records.environment import machine_name, read_environment
from accel_exporter import names
from accel_exporter.forms import fuse_attention
from accel_exporter.gating import cut_gated, keep_attended
from accel_exporter.graphs import Traceable
from accel_exporter.program import export_program
from accel_exporter.unet import inference
from accel_exporter.write import _translate
from accel_runtime.backends import OnnxRuntimeBackend

GUIDED = "open, 2 rows"


def plain(rows: int) -> ir.Model:
    """The plain graph, of fixed sizes."""
    torch.default_generator.manual_seed(0)
    inputs = {"x": torch.randn(rows, WIDTH, SIDE, SIDE), names.TEXT: torch.randn(rows, *TEXT)}
    with inference(Block()) as module:
        traced = Traceable("block", "decoder", module, inputs, outputs=("y",), axes={})
        return _translate(export_program(traced, is_static=True), opset=18)


def graphs() -> dict[str, ir.Model]:
    """Each kind of call, the guided open one first."""
    one, two = plain(1), plain(2)
    return {
        GUIDED: two,
        "open, 1 row": one,
        "keeps, 2 rows": keep_attended(two),
        "gated, 1 row": cut_gated(keep_attended(one)),
    }


def contenders(folder: Path) -> Iterator[Contender]:
    """All of them, ready to run on random inputs."""
    backend, rng = OnnxRuntimeBackend("cpu", threads=1), np.random.default_rng(0)
    for at, (name, model) in enumerate(graphs().items()):
        path = folder / f"{at}.onnx"
        ir.save(fuse_attention(model), path)
        given, outputs = (
            {str(value.name): backend.allocate(_sizes(value)) for value in values}
            for values in (model.graph.inputs, model.graph.outputs)
        )
        for buffer in given.values():
            buffer.write(rng.standard_normal(buffer.shape))
        call = backend.load(path).bind(given, outputs)
        call.run()
        yield Contender(name, call, outputs)


def _sizes(value: ir.Value) -> tuple[int, ...]:
    assert value.shape is not None
    return tuple(int(str(dimension)) for dimension in value.shape)


def main(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    environment = read_environment()
    with TemporaryDirectory() as folder:
        found = list(contenders(Path(folder)))
        for done in range(arguments.rounds):
            for contender in found:
                contender.run()
            note(f"round {done + 1}, load average {os.getloadavg()[0]:.1f}")
    document = {
        "machine": machine_name(environment),
        "packages": environment.packages,
        "load_average": [environment.load_average, os.getloadavg()[0]],
        "contenders": {each.name: _times(each, found[0]) for each in found},
    }
    sys.stdout.write(json.dumps(document, indent=1) + "\n")


def _times(contender: Contender, first: Contender) -> dict[str, object]:
    """Raw times, and the medians of their ratios to the first one's, round by round."""
    kinds = {
        "processor": (contender.processor_s, first.processor_s),
        "wall": (contender.wall_s, first.wall_s),
    }
    ratios = {
        f"{kind}_ratio": median(our / their for our, their in zip(*pair, strict=True)) for kind, pair in kinds.items()
    }
    return {**ratios, **{f"{kind}_s": ours for kind, (ours, _) in kinds.items()}}


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    return parser.parse_args()


if __name__ == "__main__":
    main(parse())
