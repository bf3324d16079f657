"""`accel peers`."""

from typing import Annotated

import msgspec
import typer

from accel_bench.base.table import Table, prose
from accel_bench.cli.console import print_json, print_line, print_table
from accel_bench.peers.catalogue import PEERS, PeerKind
from accel_bench.peers.environments import peers_folder, where


class PeerFacts(msgspec.Struct, frozen=True):
    """A peer, and whether it can run here.

    Attributes:
        runs_in: `own` environment, `this` one, or `missing`.
    """

    name: str
    summary: str
    reads: str
    options: tuple[str, ...]
    environment: str
    runs_in: str


def show(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")] = False,
) -> None:
    """List other software that `accel bench --peer` times beside ours, and where each of it would run."""
    if context.invoked_subcommand is not None:
        return
    facts = [_facts(kind) for kind in PEERS.values()]
    if as_json:
        print_json({"folder": str(peers_folder()), "peers": facts})
        return
    print_table(_table(facts))
    print_line(f"own environments and conversions lie in {peers_folder()}; ACCEL_PEERS names another folder")


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
