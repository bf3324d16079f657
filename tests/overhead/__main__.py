"""``python -m tests.overhead``: what the loop costs besides the UNet, in microseconds a call.

A UNet that does next to nothing, at the sizes of Stable Diffusion 1.5 (latents 4×64×64, features 320×64×64, guided), is
denoised with 50 steps; rounds are interleaved, medians printed, raw samples with --json.
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from tests.own_memory import OwnMemory
from tests.runtime.schedules.test_schedule import latents

from accel_exporter.loop_graphs import write_loop_graphs
from accel_exporter.schedules import compile_schedule, scheduler_for
from accel_runtime import PlanSpec, compile_plan
from accel_runtime.backends import Backend, OnnxRuntimeBackend
from accel_runtime.denoising.conditioning import Conditioning
from accel_runtime.denoising.device_loop import DeviceLoop, LoopGraphs
from accel_runtime.denoising.loop import denoise
from accel_runtime.denoising.noise import TorchGenerator
from accel_runtime.denoising.passes import Passes
from accel_runtime.denoising.unet import Graph, UNet, UNetGraphs
from accel_runtime.manifest import Cut, Denoiser, FromText, GraphSpec, Input, TensorSpec, TextOutput
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.plan import Pass, Plan

STEPS, ROUNDS = 50, 15
SHAPE, FEATURE, TEXT = (1, 4, 64, 64), (320, 64, 64), (77, 768)
FEATURE_NAME = "feature_0"
INPUT = Input(
    name="encoder_hidden_states",
    source=FromText(outputs=(TextOutput(encoder="text", tensor="hidden"),)),
    negative="negative",
)
NAMES = Denoiser(deep="deep", shallow={0: Cut(graph="thin", feature=FEATURE_NAME)}, inputs=(INPUT,))
SCHEDULERS = ("ddim", "dpmpp_2m", "unipc")


def trivial(path: Path, *, features: bool, takes: bool) -> GraphSpec:
    """A graph with the UNet's contract: the noise is the sample plus the timestep, the feature one number."""
    inputs = [("sample", ("batch", 4, 64, 64)), ("timestep", (1,)), ("encoder_hidden_states", ("batch", *TEXT))]
    inputs += [(FEATURE_NAME, ("batch", *FEATURE))] if takes else []
    outputs: list[tuple[str, tuple[Any, ...]]] = [("out_sample", ("batch", 4, 64, 64))]
    nodes = [helper.make_node("Add", ["sample", "timestep"], ["out_sample"])]
    constants = []
    if features:
        outputs.append((FEATURE_NAME, ("batch", *FEATURE)))
        constants.append(helper.make_tensor("shape", TensorProto.INT64, [4], (2, *FEATURE)))
        nodes.append(helper.make_node("Expand", ["timestep", "shape"], [FEATURE_NAME]))
    wanted, given = ([helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in v] for v in (inputs, outputs))
    graph = helper.make_graph(nodes, "trivial", wanted, given, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    taken, made = (tuple(TensorSpec(name=n, dtype="float32", shape=s) for n, s in v) for v in (inputs, outputs))
    return GraphSpec(file=path.name, inputs=taken, outputs=made, parameters=0, flops=0, relative_error=0.0)


def loop(folder: Path, backend: Backend, plan: Plan) -> Callable[[], float]:
    """A function that runs the plan once and gives seconds."""
    deep, shallow = (trivial(folder / name, features=name == "deep", takes=name != "deep") for name in ("deep", "thin"))
    graphs = UNetGraphs(
        {Pass(): Graph(backend.load(folder / "deep"), deep), Pass(0): Graph(backend.load(folder / "thin"), shallow)},
        deep=deep,
        names=NAMES,
    )
    spec = write_loop_graphs(folder / "loop")
    own = LoopGraphs({name: backend.load(folder / file) for name, file in spec.items()})
    text = {INPUT.name: np.zeros((1, *TEXT), np.float32)}

    def run() -> float:
        unet = UNet(graphs, backend, latent_shape=SHAPE, conditioning=Conditioning(prompt=text, negative=text))
        passes = Passes.of(unet, plan, forecaster=None if backend.on_host else own.forecaster(backend, plan))
        options: dict[str, Any] = {"latents": latents(0, SHAPE), "generators": [TorchGenerator(0)]}
        if backend.on_host:
            steps = denoise(passes, plan, **options)
        else:
            loop = DeviceLoop(passes, plan, latent_shape=SHAPE, backend=backend, advance=own.advance)
            steps = loop.denoise(**options)
        next(steps)  # allocation and binding are the request's, not the call's
        next(steps)
        started = perf_counter()
        calls = sum(1 for _ in steps)
        return (perf_counter() - started) / calls

    return run


def cases(folder: Path) -> Iterator[tuple[str, Callable[[], float]]]:
    """Every loop, scheduler and kind of plan."""
    config = {"_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "steps_offset": 1}
    config |= {"beta_schedule": "scaled_linear", "skip_prk_steps": True, "set_alpha_to_one": False}
    config |= {"clip_sample": False}
    backends: dict[str, Backend] = {"numpy": OnnxRuntimeBackend(threads=1), "graphs": OwnMemory(threads=1)}
    for (where, backend), name in product(backends.items(), SCHEDULERS):
        schedule = compile_schedule(scheduler_for(name, config), name, spacing=STEPS)
        plans = {
            "full": PlanSpec(deep="full"),
            "every:2 hold": PlanSpec(deep="every:2"),
            "every:2 linear": PlanSpec(deep="every:2", forecast=Forecast.LINEAR),
        }
        for label, spec in plans.items():
            plan = compile_plan(spec, schedule, guidance=7.5)
            place = folder / f"{where}-{name}-{label}"
            place.mkdir()
            yield f"{where:6} {name:8} {label}", loop(place, backend, plan)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        found = dict(cases(Path(folder)))
        samples: dict[str, list[float]] = {name: [] for name in found}
        for _ in range(ROUNDS):
            for name, run in found.items():
                samples[name].append(run() * 1e6)
    if "--json" in sys.argv:
        sys.stdout.write(json.dumps(samples, indent=1) + "\n")
        return
    for name, each in samples.items():
        sys.stdout.write(f"{name:32} {statistics.median(each):8.0f} µs [{min(each):.0f} – {max(each):.0f}]\n")


if __name__ == "__main__":
    main()
