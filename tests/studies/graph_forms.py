"""``python -m tests.studies.graph_forms BUNDLE``: what other forms of a whole graph gain on a processor.

With ``--runtime openvino`` the graph as it is and rewritten, with ``--runtime onnxruntime`` the plain graph and the
attention form of the bundle take turns in one process on one thread. Wall and processor seconds of each call are
printed as JSON, in order: on a busy machine the second tell more. Run it on one core: ``taskset -c 1``. ``--also``
times the same graph of other bundles beside them, such as one in int8.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tests.studies.turns import Contender, take_turns

from accel_bench.records.environment import read_environment
from accel_runtime.backends import Backend, OnnxRuntimeBackend, OpenVinoBackend
from accel_runtime.backends.openvino_rewrites import REWRITES, Rewrite
from accel_runtime.bundle.artifacts import locate
from accel_runtime.bundle.bundle import Bundle, read_bundle
from accel_runtime.bundle.dims import own_sizes, resolve
from accel_runtime.manifest import Form


def contenders(bundle: Bundle, arguments: argparse.Namespace) -> Iterator[Contender]:
    """The forms that a runtime has, the plain one first."""
    if arguments.runtime == "openvino":
        sets: list[tuple[Rewrite, ...]] = [(), *([(each,) for each in REWRITES] if arguments.each else []), REWRITES]
        for rewrites in sets:
            backend = OpenVinoBackend("CPU", precision=arguments.precision, threads=1, rewrites=rewrites)
            yield contend(bundle, arguments, backend=backend, name="+".join(rewrites) or "plain")
        for other in arguments.also:
            backend = OpenVinoBackend("CPU", precision=arguments.precision, threads=1, rewrites=REWRITES)
            yield contend(read_bundle(other, verification="sizes"), arguments, backend=backend, name=other.name)
        return
    forms: tuple[Form, ...] = ("plain", "attention")
    shared = OnnxRuntimeBackend("cpu", threads=1)
    for form in forms:
        if form == "plain" or not arguments.also:
            yield contend(bundle, arguments, backend=shared, name=form, form=form)
    for other in arguments.also:
        yield contend(read_bundle(other, verification="sizes"), arguments, backend=shared, name=other.name)


def contend(
    bundle: Bundle, arguments: argparse.Namespace, *, backend: Backend, name: str, form: Form = "plain"
) -> Contender:
    """A graph of the bundle, ready to run, on the same random inputs every time."""
    spec, sizes, rng = bundle.manifest.graphs[arguments.graph], own_sizes(bundle.manifest), np.random.default_rng(0)
    sizes["batch"] = arguments.rows
    given = {each.name: backend.allocate(resolve(each.shape, sizes), each.dtype) for each in spec.inputs}
    made = {each.name: backend.allocate(resolve(each.shape, sizes), each.dtype) for each in spec.outputs}
    for tensor, buffer in given.items():
        buffer.write(np.array(500.0) if tensor == "timestep" else rng.standard_normal(buffer.shape))
    path = bundle.path(locate(bundle, arguments.graph, artifact="onnx", form=form))
    call = backend.load(path, inputs=spec.inputs).bind(given, made)
    call.run()
    return Contender(name, call, made)


def main(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    bundle, environment = read_bundle(arguments.bundle, verification="sizes"), read_environment()
    take_turns(
        list(contenders(bundle, arguments)),
        arguments.rounds,
        environment=environment,
        compared=True,
        graph=arguments.graph,
        rows=arguments.rows,
        runtime=arguments.runtime,
        precision=arguments.precision if arguments.runtime == "openvino" else "f32",
    )


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--runtime", choices=["openvino", "onnxruntime"], default="openvino")
    parser.add_argument("--graph", default="unet_deep", help="Name in the manifest.")
    parser.add_argument("--rows", type=int, default=2, help="2 of a guided call.")
    parser.add_argument("--precision", default="bf16", help="OpenVINO's.")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--also", type=Path, nargs="*", default=(), help="Bundles of the model in other precisions.")
    parser.add_argument("--each", action="store_true", help="With OpenVINO also each rewrite alone.")
    return parser.parse_args()


if __name__ == "__main__":
    main(parse())
