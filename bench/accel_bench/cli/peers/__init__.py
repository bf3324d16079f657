"""`accel peers` and what belongs to it."""

import typer

from accel_bench.cli.aliases import Command
from accel_bench.cli.peers.install import install
from accel_bench.cli.peers.show import show
from accel_bench.cli.peers.weights import weights

peers = typer.Typer(help=show.__doc__, invoke_without_command=True)
peers.callback()(show)
for command in (install, weights):
    peers.command(cls=Command)(command)
