"""`accel inspect`."""

from collections.abc import Iterator
from itertools import chain

from accel_bench.base.table import Table, numbers, prose, words
from accel_bench.cli.console import print_json, print_line, print_table
from accel_bench.cli.options import AsJson, BundleFolder
from accel_bench.plans.named import named_plans, plan_table
from accel_runtime.bundle.bundle import Bundle, read_bundle
from accel_runtime.bundle.forms import providers_in, providers_of
from accel_runtime.manifest import Adaptation, GraphSpec, InductorSpec, Int8Spec, Manifest


def inspect(
    bundle: BundleFolder,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what a bundle holds: its graphs, their parameters and FLOPs, its plans, its sizes, and its origin."""
    opened = read_bundle(bundle, verification="sizes")
    plans = named_plans(opened)
    if as_json:
        print_json({"digest": opened.digest, "manifest": opened.manifest, "plans": plans})
        return
    for line in _heading(opened):
        print_line(line)
    print_table(_graph_table(opened.manifest))
    if plans:
        print_table(plan_table(plans))
    model = opened.manifest.provenance.model or "not known: export the bundle again"
    for line in (*_footer(opened), f"model {model}", f"digest {opened.digest}"):
        print_line(line)


def _heading(opened: Bundle) -> Iterator[str]:
    made = opened.manifest.provenance
    state = opened.manifest.state
    revision = f" at {made.revision}" if made.revision else ""
    weights = "random weights, images mean nothing" if made.weights == "random" else "trained weights"
    height, width = state.sample_size
    yield f"{opened.folder}: {made.pipeline_class} from {made.source}{revision}, {weights}"
    if made.adaptations:
        yield f"changed by {', '.join(map(_adaptation, made.adaptations))}"
    yield (
        f"made for {width}×{height} pixels, sizes in multiples of {state.multiple}, "
        f"{state.channels} latent channels, {state.scale} pixels per latent"
    )


def _adaptation(made: Adaptation) -> str:
    scale = "" if made.scale is None else f" × {made.scale:g}"
    return f"{made.kind} {made.name}{scale}{''.join(f' {word}' for word in made.words)}"


def _graph_table(manifest: Manifest) -> Table:
    rows = (
        (
            name,
            _contract(graph := manifest.graphs[name]),
            f"{graph.parameters / 1e6:.2f} M",
            f"{graph.flops / 1e9:.2f}",
            f"{graph.flops / manifest.deep.flops:.1%}" if role.part in ("deep", "shallow") else "",
            f"{graph.relative_error:.0e}",
        )
        for name, role in manifest.roles.items()
    )
    return Table(
        "Graphs; FLOPs of one call at batch 1 and the size above",
        (*words("graph"), *prose("inputs → outputs"), *numbers("parameters", "GFLOP", "of deep", "vs torch")),
        tuple(rows),
    )


def _contract(graph: GraphSpec) -> str:
    return f"{', '.join(t.name for t in graph.inputs)} → {', '.join(t.name for t in graph.outputs)}"


def _footer(opened: Bundle) -> Iterator[str]:
    manifest = opened.manifest
    size = sum(file.size for file in manifest.files.values())
    denoiser = [manifest.graphs[name].file for name, role in manifest.roles.items() if role.part in ("deep", "shallow")]
    read = {*denoiser, *chain.from_iterable(opened.reads[file] for file in denoiser)}
    unet = sum(manifest.files[file].size for file in read)
    weights = manifest.deep.parameters * (4 if manifest.dtype == "float32" else 2)
    schedulers = ", ".join(
        f"{name} (default)" if name == manifest.schedules.default else name for name in manifest.schedules.files
    )
    yield (
        f"UNet graphs together {unet / 1e6:.1f} MB, {unet / weights:.3f} × its weights; "
        f"bundle {size / 1e6:.1f} MB in {len(manifest.files)} files"
    )
    yield f"schedulers {schedulers}"
    if able := providers_in(manifest.dtype):
        yield f"{manifest.dtype} for {', '.join(able)} only"
    if manifest.int8 is not None:
        yield _int8(manifest.int8)
    yield from _forms(manifest)
    if manifest.inductor is not None:
        yield _packages(manifest, manifest.inductor)


def _forms(manifest: Manifest) -> Iterator[str]:
    for form, graphs in manifest.forms.items():
        worst = max(graph.relative_error for graph in graphs.values())
        yield f"{form} graphs for {', '.join(providers_of(form))}, largest difference to torch {worst:.0e}"


def _int8(made: Int8Spec) -> str:
    what = "computed in int8" if made.kind == "mixed" else "stored in int8"
    loss = "not measured" if made.psnr is None else f"{made.psnr:.1f} dB to float32 pictures"
    return f"int8-{made.kind}: {len(made.layers)} layers {what}, {len(made.kept)} kept in float32, {loss}"


def _packages(manifest: Manifest, inductor: InductorSpec) -> str:
    worst = max(package.relative_error for package in inductor.graphs.values())
    files = {file for package in inductor.graphs.values() for file in (package.file, package.weights)}
    size = sum(manifest.files[file].size for file in files)
    return (
        f"AOTInductor packages for {inductor.device} by torch {inductor.torch}: {size / 1e6:.1f} MB with weights, "
        f"largest difference to torch {worst:.0e}"
    )
