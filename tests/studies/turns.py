"""Graphs that take turns on one machine, told as JSON with every sample.

On a busy machine processor seconds tell more than those of the clock.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
import onnx_ir as ir

from accel_bench.cli.console import note
from accel_bench.records.environment import Environment, machine_name
from accel_exporter.forms import fuse_attention
from accel_runtime.backends import OnnxRuntimeBackend
from accel_runtime.backends.base import BoundCall, Buffer


@dataclass(slots=True, eq=False)
class Contender:
    """One form of a graph, and its times."""

    name: str
    call: BoundCall
    outputs: Mapping[str, Buffer]
    wall_s: list[float] = field(default_factory=list)
    processor_s: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Run once and note the times."""
        wall, processor = perf_counter(), process_time()
        self.call.run()
        self.wall_s.append(perf_counter() - wall)
        self.processor_s.append(process_time() - processor)

    def error_to(self, other: "Contender") -> float:
        """The largest difference of an output, relative to its largest value."""
        pairs = [(self.outputs[name].read(), other.outputs[name].read()) for name in self.outputs]
        return max(float(np.abs(ours - theirs).max() / np.abs(theirs).max()) for ours, theirs in pairs)


def in_attention_form(models: Mapping[str, ir.Model], folder: Path) -> Iterator[Contender]:
    """Models of fixed sizes in ONNX Runtime's attention form on one thread, ready to run on random inputs."""
    backend, rng = OnnxRuntimeBackend("cpu", threads=1), np.random.default_rng(0)
    for at, (name, model) in enumerate(models.items()):
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


def take_turns(
    contenders: Sequence[Contender], rounds: int, *, environment: Environment, compared: bool = False, **facts: object
) -> None:
    """Let all run once in each round, and print what came of it.

    Args:
        contenders: The first is what the others are held against.
        rounds: How many.
        environment: Machine and packages, read before there was work.
        compared: Whether all compute the same, so that their outputs are told beside the first one's.
        **facts: What else to tell.
    """
    for done in range(rounds):
        for contender in contenders:
            contender.run()
        note(f"round {done + 1}, load average {os.getloadavg()[0]:.1f}")
    document = {
        "machine": machine_name(environment),
        "packages": environment.packages,
        "load_average": [environment.load_average, os.getloadavg()[0]],
        **facts,
        "contenders": {each.name: _told(each, contenders[0], compared=compared) for each in contenders},
    }
    sys.stdout.write(json.dumps(document, indent=1) + "\n")


def _told(contender: Contender, first: Contender, *, compared: bool) -> dict[str, Any]:
    """Raw times, and the medians of their ratios to the first contender's, round by round."""

    def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
        return median(our / their for our, their in zip(ours, theirs, strict=True))

    return {
        "processor_ratio": ratio(contender.processor_s, first.processor_s),
        "wall_ratio": ratio(contender.wall_s, first.wall_s),
        **({"error": contender.error_to(first)} if compared else {}),
        "processor_s": contender.processor_s,
        "wall_s": contender.wall_s,
    }


def _sizes(value: ir.Value) -> tuple[int, ...]:
    assert value.shape is not None
    return tuple(int(str(dimension)) for dimension in value.shape)
