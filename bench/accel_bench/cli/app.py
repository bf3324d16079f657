"""The `accel` command: a thin shell over importable functions.

Results go to stdout, progress and doubts to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage or a missing extra,
130 interrupted.

Each command imports what it needs when it runs, so help is quick. These bring torch: `export`, `evaluate`, `search`,
`schedules add`, `schedulers` without a bundle, `peers weights`, `codegen` for diffusers, and `bench replay` where it
exports a bundle or scores pictures; `generate` does where the bundle lacks the schedule. No other command does.
"""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Final, NoReturn

import typer

from accel_bench.cli.aliases import Command
from accel_bench.cli.bench import bench
from accel_bench.cli.codegen import codegen
from accel_bench.cli.console import print_error
from accel_bench.cli.doctor import doctor
from accel_bench.cli.evaluate import evaluate
from accel_bench.cli.export import export
from accel_bench.cli.generate import generate
from accel_bench.cli.inspect import inspect
from accel_bench.cli.peers import peers
from accel_bench.cli.plan import plan
from accel_bench.cli.plans import plans
from accel_bench.cli.profiles import profiles
from accel_bench.cli.schedulers import schedulers
from accel_bench.cli.schedules import schedules
from accel_bench.cli.search import search
from accel_bench.cli.serve import serve
from accel_bench.cli.streams import abandon, prepare_streams
from accel_bench.cli.verify import verify
from accel_runtime.errors import AccelError, InputError, first_line

# Typer turns an interrupt into this exit code, and returns it where it does not exit itself.
_INTERRUPTED = 130

app = typer.Typer(
    help="Compile a Stable Diffusion pipeline into deep and shallow graphs, run it, measure what reuse buys.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS: Final = {
    "Bundles": (export, inspect, verify, schedulers),
    "Pictures": (generate, serve, plan),
    "Speed and quality": (evaluate, search),
    "Devices": (doctor, profiles, codegen),
}
for panel, commands in _COMMANDS.items():
    for command in commands:
        app.command(cls=Command, rich_help_panel=panel)(command)
app.add_typer(schedules, name="schedules", rich_help_panel="Bundles")
app.add_typer(plans, name="plans", rich_help_panel="Bundles")
app.add_typer(bench, name="bench", rich_help_panel="Speed and quality")
app.add_typer(peers, name="peers", rich_help_panel="Speed and quality")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run `accel` and exit. Our errors and the system's become one line; bugs keep their traceback."""
    signal.signal(signal.SIGTERM, _interrupt)
    # Processes that we start, and those that they start, import nothing from the current folder.
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        prepare_streams()
        code = app(args=_as_text(sys.argv[1:] if arguments is None else arguments), standalone_mode=False)
        sys.stdout.flush()
    except AccelError as error:
        _fail(str(error), code=error.exit_code)
    except typer.TyperException as error:
        # Usage errors know how to name the option they are about; the public base class does not say so.
        message = getattr(error, "format_message", error.__str__)()
        _fail(" ".join(message.split()), code=2)
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    except MemoryError as error:
        _fail(f"memory is short: {first_line(error)}: choose smaller sizes or batches, or try --low-memory", code=1)
    except BrokenPipeError:
        # The reader of our output has gone, as with `| head`.
        abandon(sys.stdout)
        sys.exit(1)
    except OSError as error:
        abandon(sys.stdout)
        _fail(f"{error.filename or 'the system'}: {error.strerror or error}", code=1)
    if code == _INTERRUPTED:
        _fail("interrupted, nothing was kept", code=_INTERRUPTED)
    sys.exit(0)


def _as_text(arguments: Sequence[str]) -> list[str]:
    """The arguments, which must be UTF-8: prompts are tokenised, and names go into records.

    Raises:
        InputError: An argument is not UTF-8.
    """
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            shown = argument.encode(errors="surrogateescape")
            raise InputError(f"expected arguments in UTF-8, got {shown!r}: set a UTF-8 locale") from None
    return list(arguments)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _fail(message: str, *, code: int) -> NoReturn:
    print_error(message)
    sys.exit(code)
