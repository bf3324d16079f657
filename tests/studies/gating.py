"""``python -m tests.studies.gating``: what a gated call saves of SD1.5's largest transformer block on a processor.

The block, with its projections and random weights, runs on 64 × 64 latents in the attention form, in one process on one
thread: open on one row and on the two of a guided call, keeping on these two, and gated on one. They take turns. Wall
and processor seconds of each run are printed as JSON, in order: on a busy machine the second tell more.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx_ir as ir
import torch
from tests.studies.merging import SIDE, TEXT, WIDTH, Block
from tests.studies.turns import in_attention_form, take_turns

from accel_bench.records.environment import read_environment
from accel_exporter import names
from accel_exporter.gating import cut_gated, keep_attended
from accel_exporter.graphs import Traceable
from accel_exporter.program import export_program
from accel_exporter.unet import inference
from accel_exporter.write import to_onnx

GUIDED = "open, 2 rows"


def plain(rows: int) -> ir.Model:
    """The plain graph, of fixed sizes."""
    torch.default_generator.manual_seed(0)
    inputs = {"x": torch.randn(rows, WIDTH, SIDE, SIDE), names.TEXT: torch.randn(rows, *TEXT)}
    with inference(Block()) as module:
        traced = Traceable("block", "decoder", module, inputs, outputs=("y",), axes={})
        return to_onnx(export_program(traced, is_static=True), opset=18)


def graphs() -> dict[str, ir.Model]:
    """Each kind of call, the guided open one first."""
    one, two = plain(1), plain(2)
    return {
        GUIDED: two,
        "open, 1 row": one,
        "keeps, 2 rows": keep_attended(two),
        "gated, 1 row": cut_gated(keep_attended(one)),
    }


def main(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    environment = read_environment()
    with TemporaryDirectory() as folder:
        take_turns(list(in_attention_form(graphs(), Path(folder))), arguments.rounds, environment=environment)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    return parser.parse_args()


if __name__ == "__main__":
    main(parse())
