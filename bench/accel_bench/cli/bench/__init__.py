"""`accel bench` and what belongs to it."""

from typing import Any

import typer
from typer.core import TyperGroup

from accel_bench.cli.aliases import Command
from accel_bench.cli.bench.compare import compare
from accel_bench.cli.bench.replay import replay
from accel_bench.cli.bench.report import report
from accel_bench.cli.bench.run import run
from accel_bench.cli.bench.scenario import scenario
from accel_bench.cli.bench.trace import trace

_RUN, _REPLAY = "run", "replay"


class _RunByDefault(TyperGroup):
    """``accel bench BUNDLE …`` is ``accel bench run BUNDLE …``, and with ``--profile`` it is ``accel bench replay``."""

    # Typer brings its own copy of click's context, whose type it does not export.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            is_replay = any(arg == "--profile" or arg.startswith("--profile=") for arg in args)
            args = [_REPLAY if is_replay else _RUN, *args]
        return super().parse_args(ctx, args)


bench = typer.Typer(
    cls=_RunByDefault,
    no_args_is_help=True,
    help="""Time plans and peers against each other; compare, draw and trace what was measured.

    `accel bench BUNDLE …` is short for `accel bench run BUNDLE …`; with `--profile` it is `accel bench replay`.""",
)
for command in (run, replay, compare, report, scenario, trace):
    bench.command(cls=Command)(command)
