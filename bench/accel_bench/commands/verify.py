"""`accel verify`."""

from pathlib import Path
from typing import Annotated

import typer

from accel_bench.backends import Provider, ProviderOptions, choose_backend
from accel_bench.console import print_json, print_line, progress_bar
from accel_runtime.bundle import read_bundle, verify_files
from accel_runtime.components import Components
from accel_runtime.forms import choose_form


def verify(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    *,
    provider: Provider = "cpu",
    provider_options: ProviderOptions = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check that every file of a bundle is whole and that every graph opens, for one image of the model's own size."""
    opened = read_bundle(bundle, verification="sizes")
    graphs = opened.manifest.graphs.items()
    backend = choose_backend(provider, options=provider_options)
    form = choose_form(opened, backend.name)
    with progress_bar() as progress:
        task = progress.add_task("hash files", total=len(opened.manifest.files) + len(graphs))
        for _ in verify_files(opened):
            progress.advance(task)
        for name in Components(opened, backend, form=form, stay="in use").open_all():
            progress.update(task, description=f"open {name}", advance=1)
    files = opened.manifest.files
    size = sum(file.size for file in files.values())
    if as_json:
        print_json({"bundle": str(bundle), "digest": opened.digest, "files": len(files), "graphs": len(graphs)})
        return
    print_line(
        f"{bundle}: {len(files)} files, {size / 1e6:.1f} MB, hashes hold; {len(graphs)} graphs open on {backend.name}"
    )
    print_line(f"digest {opened.digest}")
