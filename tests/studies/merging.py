"""``python -m tests.studies.merging``: what merged tokens save of SD1.5's largest transformer block on a processor.

The block, with its projections and random weights, runs on 64 × 64 latents and two rows: plain, and merging each share
of the tokens, all in the attention form, in one process on one thread. They take turns. Wall and processor seconds of
each run are printed as JSON, in order: on a busy machine the second tell more.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import diffusers
import onnx_ir as ir
import torch
from tests.studies.turns import in_attention_form, take_turns

from accel_bench.records.environment import read_environment
from accel_exporter.graphs import Traceable
from accel_exporter.merging import merge_tokens
from accel_exporter.program import export_program
from accel_exporter.unet import inference
from accel_exporter.write import to_onnx

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
        return to_onnx(export_program(traced, is_static=True), opset=18)


def graphs(ratios: Sequence[float]) -> dict[str, ir.Model]:
    """The plain graph first, then one that merges each share."""
    whole = plain()
    return {"plain": whole, **{f"tome {ratio:g}": merge_tokens(whole, ratio) for ratio in ratios}}


def main(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    environment, models = read_environment(), graphs(arguments.ratios)
    with TemporaryDirectory() as folder:
        take_turns(list(in_attention_form(models, Path(folder))), arguments.rounds, environment=environment)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ratios", type=float, nargs="+", default=[0.3, 0.5])
    parser.add_argument("--rounds", type=int, default=8)
    return parser.parse_args()


if __name__ == "__main__":
    main(parse())
