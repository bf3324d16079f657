"""A small UNet with fixed random weights, and its graph, for tests of what rewrites graphs."""

from functools import cache
from typing import Any

import onnx_ir as ir
import torch
from tests.exporter.pipelines import tiny_unet

from accel_exporter.graphs import Sizes, Traceable, unet_deep
from accel_exporter.program import export_program_for_onnx
from accel_exporter.write import to_onnx

TOKENS = 5
# Even and odd sides; UNets of two levels halve them once.
SIZES = ((10, 12), (11, 9))


@cache
def unet() -> Any:
    """The module, the same in each process."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return tiny_unet()


def traceable(height: int = 10, width: int = 12, *, of: Any = None) -> Traceable:
    """Its deep pass on latents of two rows."""
    return unet_deep(of or unet(), (0, 1), sizes=Sizes(2, height, width), text_length=TOKENS)


@cache
def plain(opset: int = 18) -> ir.Model:
    """Its graph of open sizes."""
    return to_onnx(export_program_for_onnx(traceable()), opset=opset)
