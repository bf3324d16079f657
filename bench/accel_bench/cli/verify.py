"""`accel verify`."""

from collections.abc import Sequence
from typing import Final

from accel_bench.cli.console import note, print_json, print_line, progress_bar
from accel_bench.cli.options import AsJson, BundleFolder, Digest, Provider, ProviderOptions, choose_backend
from accel_runtime.bundle.bundle import Bundle, read_bundle, unlisted_files, verify_files
from accel_runtime.bundle.forms import choose_form
from accel_runtime.manifest import MANIFEST_DIGEST_NAME
from accel_runtime.manifest.digest import stated_digests
from accel_runtime.pipeline import Pipeline

# Names of unlisted files in a note.
_SHOWN: Final = 5


def verify(
    bundle: BundleFolder,
    *,
    provider: Provider = "cpu",
    provider_options: ProviderOptions = None,
    digest: Digest = None,
    as_json: AsJson = False,
) -> None:
    """Check a bundle: every file has its hash, and every graph opens on a provider."""
    opened = read_bundle(bundle, verification="sizes", digest=digest)
    graphs = opened.manifest.graphs
    backend = choose_backend(provider, options=provider_options)
    form = choose_form(opened, backend.name)
    with progress_bar() as progress:
        task = progress.add_task("hash files", total=len(opened.manifest.files) + len(graphs))
        for _ in verify_files(opened):
            progress.advance(task)
        pipeline = Pipeline(opened, backend, low_memory=True, form=form)
        pipeline.tokenize("")
        for name in opened.manifest.schedules.files:
            pipeline.schedule_file(name)
        for name in opened.manifest.plans:
            pipeline.named_plan(name)
        for name in pipeline.components.open_all():
            progress.update(task, description=f"open {name}", advance=1)
    files, unlisted = opened.manifest.files, unlisted_files(bundle, opened.manifest.files)
    _note_doubts(opened, unlisted)
    size = sum(file.size for file in files.values())
    if as_json:
        counts = {"files": len(files), "graphs": len(graphs), "unlisted": unlisted}
        print_json({"bundle": str(bundle), "digest": opened.digest, **counts})
        return
    print_line(
        f"{bundle}: {len(files)} files, {size / 1e6:.1f} MB, hashes hold; {len(graphs)} graphs open on {backend.name}"
    )
    print_line(f"digest {opened.digest}")


def _note_doubts(bundle: Bundle, unlisted: Sequence[str]) -> None:
    """Note what is no fault, but cannot be checked either."""
    if stated_digests(bundle.folder) is None:
        note(
            f"no {MANIFEST_DIGEST_NAME} beside the manifest, so a change of the manifest itself cannot be seen: "
            "hold the digest against the one you were given, with --digest"
        )
    if unlisted:
        more = f" and {len(unlisted) - _SHOWN} more" if len(unlisted) > _SHOWN else ""
        note(f"not listed in the manifest, and not checked: {', '.join(unlisted[:_SHOWN])}{more}")
