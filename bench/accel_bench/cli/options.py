"""Options that several commands share: each has one name, one meaning and one help text."""

from pathlib import Path
from typing import Annotated, Final

import typer

from accel_bench.base.text import parse_share
from accel_bench.cli.console import note
from accel_bench.timing.measure import StopRule
from accel_runtime.backends import PROVIDER_HELP, Backend, make_backend
from accel_runtime.bundle.forms import FORMS
from accel_runtime.errors import InputError

# The groups of a help page.
PICTURES: Final = "What is drawn"
PLANS: Final = "Plans"
PEERS: Final = "Peers"
LOAD: Final = "The load"
TIMING: Final = "Timing"
SCORES: Final = "Scores"
MACHINE: Final = "What it runs on"
RESULTS: Final = "Results"
JOBS: Final = "A file of prompts"
CLUSTER: Final = "More than one machine"

PROMPTS_HELP: Final = "A file of prompts: one a line, a JSON list of texts, JSON lines, COCO's captions, or CSV."

PromptsFile = Annotated[
    Path | None,
    typer.Option(help=PROMPTS_HELP, show_default="held-out captions of the built-in model", rich_help_panel=PICTURES),
]
BundleFolder = Annotated[Path, typer.Argument(help="The bundle's folder.")]
Digest = Annotated[
    str | None,
    typer.Option(
        metavar="HEX",
        rich_help_panel=MACHINE,
        help="Open the bundle only if it has this digest, as `accel inspect` shows it: the sha256 of its accel.json.",
    ),
]

Steps = Annotated[int, typer.Option(help="Denoising steps.", rich_help_panel=PICTURES)]
Scheduler = Annotated[
    str | None,
    typer.Option(
        help="A scheduler of the bundle; see `accel schedulers`.",
        show_default="the pipeline's own",
        rich_help_panel=PICTURES,
    ),
]
NamedScheduler = Annotated[
    str,
    typer.Option("--scheduler", help="A scheduler of the bundle; see `accel schedulers`.", rich_help_panel=PICTURES),
]
Guidance = Annotated[
    float, typer.Option(help="Scale of classifier-free guidance; 1 or less turns it off.", rich_help_panel=PICTURES)
]
Batch = Annotated[int, typer.Option(help="Images drawn together.", rich_help_panel=PICTURES)]
Seed = Annotated[int, typer.Option(help="Image i draws its noise from seed + i.", rich_help_panel=PICTURES)]
Height = Annotated[int | None, typer.Option(help="Pixels.", show_default="the model's", rich_help_panel=PICTURES)]
Width = Annotated[int | None, typer.Option(help="Pixels.", show_default="the model's", rich_help_panel=PICTURES)]

Provider = Annotated[str, typer.Option(help=PROVIDER_HELP, rich_help_panel=MACHINE)]
ProviderOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--provider-option",
        metavar="KEY=VALUE",
        help="An option of ONNX Runtime's provider, such as device_id=1; repeat for several.",
        rich_help_panel=MACHINE,
    ),
]
Form = Annotated[
    str | None,
    typer.Option(
        help=f"Which graphs to run: {', '.join(FORMS)}.",
        show_default="what the provider runs best",
        rich_help_panel=MACHINE,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(help="Threads of one operator.", show_default="the provider's choice", rich_help_panel=MACHINE),
]

TargetError = Annotated[
    str | None,
    typer.Option(
        help="Add rounds until every speed-up is known to ± this share, such as 2%, or --budget is spent.",
        rich_help_panel=TIMING,
    ),
]
Budget = Annotated[
    float, typer.Option(help="Seconds after which no round is added for --target-error.", rich_help_panel=TIMING)
]

RecordFile = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write the record to this file.", rich_help_panel=RESULTS)
]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        help="Let the workers of this Ray cluster do it, one for each device: auto, or the HOST:PORT of its head.",
        show_default="this process",
        rich_help_panel=CLUSTER,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace what exists.", rich_help_panel=RESULTS)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.", rich_help_panel=RESULTS)]


def stop_rule(rounds: int, target_error: str | None, *, budget_s: float) -> StopRule:
    """When a measurement ends.

    Raises:
        InputError: A value is out of range, or no share.
    """
    share = None if target_error is None else parse_share(target_error, option="--target-error")
    return StopRule(rounds, share, budget_s)


def choose_backend(provider: str, *, threads: int | None = None, options: list[str] | None = None) -> Backend:
    """Make the backend that a command line asks for.

    A note tells which one ``auto`` took, and warns of native code.

    Raises:
        AccelError: It is not available here.
    """
    backend = make_backend(provider, threads=threads, options=parse_options(options or []))
    if provider == "auto":
        ran = backend.describe()
        note(f"provider auto: {ran.backend} {ran.version} on {ran.provider}")
    if backend.artifact == "inductor":
        note("AOTInductor packages are native code, which runs as you: open only bundles of people you trust")
    return backend


def parse_options(texts: list[str]) -> dict[str, str]:
    """Options of ``KEY=VALUE``.

    Raises:
        InputError: One of them is something else.

    >>> parse_options(["device_id=1"])
    {'device_id': '1'}
    """
    pairs = [text.partition("=") for text in texts]
    for key, equals, value in pairs:
        if not (key and equals and value):
            raise InputError(f"provider option {key + equals + value!r}: expected KEY=VALUE, such as device_id=1")
    return {key: value for key, _, value in pairs}
