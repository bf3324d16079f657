"""`accel peers`, `accel peers install` and `accel peers weights`."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from accel_bench.base.extras import export_extra
from accel_bench.base.table import Table, prose
from accel_bench.cli.console import note, print_json, print_line, print_table, progress_bar
from accel_bench.cli.export import Weights
from accel_bench.peers.catalogue import PEERS, PeerKind, parse_peer
from accel_bench.peers.environments import install as make_environment
from accel_bench.peers.environments import peers_folder, where

peers = typer.Typer(help="Other software that `accel bench --peer` measures beside ours.", invoke_without_command=True)


class PeerFacts(msgspec.Struct, frozen=True):
    """What is known of one peer here.

    Attributes:
        runs_in: `own` environment, `this` one, or `missing`.
    """

    name: str
    summary: str
    reads: str
    options: tuple[str, ...]
    environment: str
    runs_in: str


@peers.callback()
def show(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List peers, and where each one would run."""
    if context.invoked_subcommand is not None:
        return
    facts = [_facts(kind) for kind in PEERS.values()]
    if as_json:
        print_json({"folder": str(peers_folder()), "peers": facts})
        return
    print_table(_table(facts))
    print_line(f"own environments and conversions lie in {peers_folder()}; ACCEL_PEERS names another folder")


@peers.command()
def install(
    name: Annotated[str, typer.Argument(help="A peer; what shares its environment comes along.")],
) -> None:
    """Make the environment of a peer, with pinned packages."""
    kind = parse_peer(name).kind
    note(f"{kind.name} and what it needs are other people's code, which pip installs and runs as you")
    with progress_bar() as progress:
        task = progress.add_task(f"install {kind.name}", total=None)
        for step in make_environment(kind):
            progress.update(task, description=step)
    print_line(f"{peers_folder() / kind.environment}: {kind.name} is ready")


@peers.command()
def weights(
    source: Annotated[str, typer.Argument(help="As in `accel export`: a folder, a hub id, or an alias: tiny, sd15.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The diffusers folder to write.")],
    *,
    kind: Annotated[Weights, typer.Option("--weights", help="random: an alias's architecture.")] = Weights.TRAINED,
    seed: Annotated[int, typer.Option(help="Seed of random weights.")] = 0,
    variant: Annotated[str | None, typer.Option(help="Weights variant to prefer, such as fp16.")] = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit on the hub.")] = None,
    cache_dir: Annotated[Path | None, typer.Option(help="Where downloads are kept.")] = None,
) -> None:
    """Save the pipeline that `accel export` exports as a float32 diffusers folder, which all peers read."""
    with export_extra():
        from accel_exporter.sources import open_source, save_pipeline  # noqa: PLC0415  # brings torch
        from accel_exporter.staging import staged_folder  # noqa: PLC0415
    with progress_bar() as progress, staged_folder(output, force=False) as folder:
        progress.add_task(f"save {source}", total=None)
        pipeline = open_source(
            source, weights=kind.value, seed=seed, variant=variant, revision=revision, cache_dir=cache_dir
        )
        save_pipeline(pipeline, folder)
    if kind is Weights.RANDOM:
        note("random weights: timings are real, images and scores mean nothing")
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    print_line(f"{output}: {pipeline.origin.source}, {size / 1e6:.1f} MB")


def _facts(kind: PeerKind) -> PeerFacts:
    reads = {"weights": "weights", "bundle": "bundle"}.get(kind.model, f"weights, converted to {kind.model}")
    options = tuple(shown for _, shown in kind.options)
    return PeerFacts(kind.name, kind.summary, reads, options, kind.environment, where(kind))


def _table(facts: list[PeerFacts]) -> Table:
    return Table("Peers", prose("peer", "what it is", "reads", "options", "runs in"), tuple(map(_cells, facts)))


def _cells(each: PeerFacts) -> tuple[str, ...]:
    missing = f"nothing yet: accel peers install {each.name}"
    runs_in = {"own": f"{each.environment}, its own", "this": "this environment", "missing": missing}[each.runs_in]
    return each.name, each.summary, each.reads, "; ".join(each.options), runs_in
