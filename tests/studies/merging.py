"""``python -m tests.studies.merging FOLDER``: what merged tokens save of SD1.5's calls on a processor.

SD1.5's UNet, with random weights and fixed to one size, is written to FOLDER, where 4 GB lie afterwards, unless it is
there. Then the deep pass and the shallow pass of branch 0 take turns with those that merge tokens, all in the
attention form, in one process on one thread. Wall and processor seconds of each call are printed as JSON, in order.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from tests.studies.graph_forms import Contender, told

from accel_bench.cli.console import note
from accel_bench.records.environment import machine_name, read_environment
from accel_exporter.forms import fuse_attention
from accel_exporter.graphs import Sizes, unet_deep
from accel_exporter.merging import merge_tokens
from accel_exporter.passes import cut_shallow
from accel_exporter.program import export_program
from accel_exporter.sources.configs import unet_skeleton
from accel_exporter.sources.random_weights import open_random
from accel_exporter.weights import WeightStore
from accel_exporter.write import _translate
from accel_runtime.backends import OnnxRuntimeBackend

TEXT_LENGTH = 77
# Random numbers that all weights are cut from: so many are made in a moment.
POOL = 1 << 22


def random_unet() -> Any:
    """SD1.5's UNet with weights of a plausible size."""
    unet = unet_skeleton(open_random("sd15", seed=0).unet_config).to_empty(device="cpu")
    pool = torch.randn(POOL, generator=torch.Generator().manual_seed(0)) * 0.02
    for parameter in unet.parameters():
        repeats = -(-parameter.numel() // POOL)
        parameter.data = pool.repeat(repeats)[: parameter.numel()].reshape(parameter.shape)
    return unet.eval()


def write(folder: Path, ratios: list[float], *, side: int) -> None:
    """Write all graphs over one file of weights."""
    traced = unet_deep(random_unet(), (0,), sizes=Sizes(1, side, side), text_length=TEXT_LENGTH)
    note("trace")
    whole = _translate(export_program(traced, is_static=True), opset=18)
    made = {"plain": whole, **{f"tome {ratio:g}": merge_tokens(whole, ratio) for ratio in ratios}}
    graphs = {f"deep {name}": model for name, model in made.items()}
    graphs |= {f"shallow {name}": cut_shallow(model, "feature_0") for name, model in made.items()}
    folder.mkdir()
    with WeightStore(folder / "weights.data") as store:
        for name, model in graphs.items():
            note(f"write {name}")
            store.move(model)
            ir.save(fuse_attention(model), folder / f"{name}.onnx")


def contenders(folder: Path, which: str) -> Iterator[Contender]:
    """The plain graph of a pass first, ready to run on random inputs."""
    backend, rng = OnnxRuntimeBackend("cpu", threads=1, maps_weights=True), np.random.default_rng(0)
    for path in sorted(folder.glob(f"{which} *.onnx")):
        graph = ir.load(path).graph
        given, made = (
            {str(value.name): backend.allocate(_shape(value)) for value in values}
            for values in (graph.inputs, graph.outputs)
        )
        for name, buffer in given.items():
            buffer.write(np.array([500.0]) if name == "timestep" else rng.standard_normal(buffer.shape))
        call = backend.load(path).bind(given, made)
        call.run()
        yield Contender(path.stem, call, made)


def _shape(value: ir.Value) -> tuple[int, ...]:
    assert value.shape is not None
    return tuple(value.shape.numpy())


def main(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    if not arguments.folder.exists():
        write(arguments.folder, arguments.ratios, side=arguments.side)
    environment, measured = read_environment(), {}
    for which in ("shallow", "deep"):
        found = list(contenders(arguments.folder, which))
        for done in range(arguments.rounds):
            for contender in found:
                contender.run()
            note(f"{which}: round {done + 1}, load average {os.getloadavg()[0]:.1f}")
        measured |= {each.name: told(each, found[0]) for each in found}
    document = {
        "machine": machine_name(environment),
        "packages": environment.packages,
        "load_average": [environment.load_average, os.getloadavg()[0]],
        "side": arguments.side,
        "contenders": measured,
    }
    sys.stdout.write(json.dumps(document, indent=1) + "\n")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ratios", type=float, nargs="+", default=[0.5])
    parser.add_argument("--side", type=int, default=64, help="Of the square of latents.")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main(parse())
