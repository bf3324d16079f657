"""The layers that are quantised where weights are random, and pictures cannot tell: for timing."""

from pathlib import Path

import onnx_ir as ir

from accel_exporter.int8.layers import convolutions


def usual_layers(deep: Path) -> tuple[str, ...]:
    """Convolutions but the first, the last and those of the last up block, which lost most in trained models."""
    found = list(convolutions(ir.load(deep)))
    blocks = [(layer.weights.name or "").partition(".up_blocks.")[2].partition(".")[0] for layer in found]
    last = max(blocks)
    inner = zip(found[1:-1], blocks[1:-1], strict=True)
    return tuple(layer.name for layer, block in inner if not last or block != last)
