"""`accel peers install`."""

from typing import Annotated

import typer

from accel_bench.cli.console import note, print_line, progress_bar
from accel_bench.peers.catalogue import parse_peer
from accel_bench.peers.environments import install as make_environment
from accel_bench.peers.environments import peers_folder


def install(
    name: Annotated[str, typer.Argument(help="A peer; peers that share its environment come with it.")],
) -> None:
    """Make the environment that a peer runs in, with pinned packages."""
    kind = parse_peer(name).kind
    note(f"{kind.name} and what it needs are other people's code, which pip installs and runs as you")
    with progress_bar() as progress:
        task = progress.add_task(f"install {kind.name}", total=None)
        for step in make_environment(kind):
            progress.update(task, description=step)
    print_line(f"{peers_folder() / kind.environment}: {kind.name} is ready")
