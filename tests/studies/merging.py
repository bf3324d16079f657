"""``python -m tests.studies.merging``: what merged tokens save of SD1.5's largest transformer block on a processor.

The block, with its projections and random weights, runs on 64 × 64 latents and two rows: plain, and merging each share
of the tokens, all in the attention form, in one process on one thread. They take turns. Wall and processor seconds of
each run are printed as JSON, in order: on a busy machine the second tell more.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import diffusers
import numpy as np
import onnx_ir as ir
import torch
from tests.studies.graph_forms import Contender, told

from accel_bench.cli.console import note
from accel_bench.records.environment import machine_name, read_environment
from accel_exporter.forms import fuse_attention
from accel_exporter.graphs import Traceable
from accel_exporter.merging import merge_tokens
from accel_exporter.program import export_program
from accel_exporter.unet import inference
from accel_exporter.write import _translate
from accel_runtime.backends import OnnxRuntimeBackend
from accel_runtime.backends.base import Buffer

SIDE, WIDTH, HEADS, TEXT = 64, 320, 8, (77, 768)


class Block(torch.nn.Module):
    """The attentions of SD1.5's first level, as its config has them."""

    def __init__(self) -> None:
        super().__init__()
        kind: Any = diffusers.Transformer2DModel
        self.attention = kind(HEADS, WIDTH // HEADS, WIDTH, num_layers=1, cross_attention_dim=TEXT[1])

    def forward(self, x: torch.Tensor, text: torch.Tensor) -> Any:
        """Cells [B, C, h, w] → as many."""
        return self.attention(x, encoder_hidden_states=text, return_dict=False)[0]


def plain() -> ir.Model:
    """The plain graph, of fixed sizes."""
    torch.default_generator.manual_seed(0)
    inputs = {"x": torch.randn(2, WIDTH, SIDE, SIDE), "text": torch.randn(2, *TEXT)}
    with inference(Block()) as module:
        traced = Traceable("block", "decoder", module, inputs, outputs=("y",), axes={})
        return _translate(export_program(traced, is_static=True), opset=18)


def contenders(folder: Path, ratios: list[float]) -> Iterator[Contender]:
    """The plain graph first, ready to run on random inputs."""
    backend, rng, whole = OnnxRuntimeBackend("cpu", threads=1), np.random.default_rng(0), plain()
    made = {"plain": whole, **{f"tome {ratio:g}": merge_tokens(whole, ratio) for ratio in ratios}}
    for name, model in made.items():
        ir.save(fuse_attention(model), folder / f"{name}.onnx")
        given, outputs = (
            {str(value.name): _buffer(value, backend) for value in values}
            for values in (model.graph.inputs, model.graph.outputs)
        )
        for buffer in given.values():
            buffer.write(rng.standard_normal(buffer.shape))
        call = backend.load(folder / f"{name}.onnx").bind(given, outputs)
        call.run()
        yield Contender(name, call, outputs)


def _buffer(value: ir.Value, backend: OnnxRuntimeBackend) -> Buffer:
    assert value.shape is not None
    return backend.allocate(tuple(int(str(dimension)) for dimension in value.shape))


def _times(contender: Contender, first: Contender) -> dict[str, object]:
    """Without the error to the first one, which computes something else."""
    return {name: value for name, value in told(contender, first).items() if name != "error"}


def main(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    environment = read_environment()
    with TemporaryDirectory() as folder:
        found = list(contenders(Path(folder), arguments.ratios))
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


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ratios", type=float, nargs="+", default=[0.3, 0.5])
    parser.add_argument("--rounds", type=int, default=8)
    return parser.parse_args()


if __name__ == "__main__":
    main(parse())
