"""`accel bench` and what belongs to it."""

from typing import Any

import typer
from typer.core import TyperGroup

from accel_bench.commands.bench.compare import compare
from accel_bench.commands.bench.run import run

_RUN = "run"


class _RunByDefault(TyperGroup):
    """``accel bench BUNDLE …`` and ``accel bench --profile …`` are ``accel bench run …``."""

    # Typer brings its own copy of click's context, whose type it does not export.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [_RUN, *args]
        return super().parse_args(ctx, args)


bench = typer.Typer(
    cls=_RunByDefault,
    no_args_is_help=True,
    help="""Time plans and peers against each other; compare, draw and trace what was measured.

    `accel bench BUNDLE …` and `accel bench --profile NAME …` are short for `accel bench run …`, whose options
    `accel bench run --help` lists.""",
)
for command in (run, compare):
    bench.command()(command)
