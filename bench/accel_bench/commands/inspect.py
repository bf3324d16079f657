"""`accel inspect`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from accel_bench.console import print_json, print_line, print_table
from accel_runtime.bundle import Bundle, read_bundle
from accel_runtime.manifest import GraphSpec, Manifest


def inspect(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest and its digest as JSON.")] = False,
) -> None:
    """Show what a bundle holds: graphs, parameters, FLOPs per pass, branches, sizes, where it comes from."""
    opened = read_bundle(bundle, verification="sizes")
    if as_json:
        print_json({"digest": opened.digest, "manifest": opened.manifest})
        return
    print_line(_heading(opened))
    print_table(_graph_table(opened.manifest))
    print_line(_footer(opened.manifest))
    print_line(f"digest {opened.digest}")


def _heading(opened: Bundle) -> str:
    made = opened.manifest.provenance
    model = opened.manifest.model
    revision = f" at {made.revision}" if made.revision else ""
    weights = "random weights, images mean nothing" if made.weights == "random" else "trained weights"
    height, width = model.sample_size
    return (
        f"{opened.folder}: {model.pipeline_class} from {made.source}{revision}, {weights}\n"
        f"made for {width}×{height} pixels, sizes in multiples of {model.size_multiple}, "
        f"{model.latent_channels} latent channels, {model.latent_scale} pixels per latent"
    )


def _graph_table(manifest: Manifest) -> Table:
    table = Table(title="Graphs; FLOPs of one call at batch 1 and the size above", title_justify="left")
    for heading in ("graph", "inputs → outputs"):
        table.add_column(heading, no_wrap=heading == "graph")
    for heading in ("parameters", "GFLOP", "of deep", "vs torch"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, graph in manifest.graphs.items():
        table.add_row(
            name,
            _contract(graph),
            f"{graph.parameters / 1e6:.2f} M",
            f"{graph.flops / 1e9:.2f}",
            _share(name, graph, deep=manifest.graphs.unet_deep),
            f"{graph.relative_error:.0e}",
        )
    return table


def _contract(graph: GraphSpec) -> str:
    return f"{', '.join(t.name for t in graph.inputs)} → {', '.join(t.name for t in graph.outputs)}"


def _share(name: str, graph: GraphSpec, *, deep: GraphSpec) -> str:
    return f"{graph.flops / deep.flops:.1%}" if name.startswith("unet") else ""


def _footer(manifest: Manifest) -> str:
    size = sum(file.size for file in manifest.files.values())
    unet = sum(file.size for path, file in manifest.files.items() if path.startswith("unet/"))
    dtype = manifest.provenance.options.get("dtype", "float32")
    weights = manifest.graphs.unet_deep.parameters * (4 if dtype == "float32" else 2)
    schedulers = ", ".join(
        f"{name} (default)" if name == manifest.schedules.default else name for name in manifest.schedules.files
    )
    return (
        f"UNet graphs together {unet / 1e6:.1f} MB, {unet / weights:.3f} × its weights; "
        f"bundle {size / 1e6:.1f} MB in {len(manifest.files)} files\n"
        f"schedulers {schedulers}" + _precision(manifest) + _forms(manifest) + _packages(manifest)
    )


def _precision(manifest: Manifest) -> str:
    if not manifest.providers:
        return ""
    return f"\n{manifest.provenance.options.get('dtype')} for {', '.join(manifest.providers)} only"


def _forms(manifest: Manifest) -> str:
    return "".join(
        f"\n{form} graphs for {', '.join(spec.providers)}, "
        f"largest difference to torch {max(graph.relative_error for graph in spec.graphs.values()):.0e}"
        for form, spec in manifest.forms.items()
    )


def _packages(manifest: Manifest) -> str:
    inductor = manifest.inductor
    if inductor is None:
        return ""
    worst = max(package.relative_error for package in inductor.graphs.values())
    size = sum(file.size for path, file in manifest.files.items() if path.startswith("inductor/"))
    return (
        f"\nAOTInductor packages for {inductor.device} by torch {inductor.torch}: {size / 1e6:.1f} MB with weights, "
        f"largest difference to torch {worst:.0e}"
    )
