"""The backend that a command line asks for."""

from typing import Annotated

import typer

from accel_bench.cli.console import note
from accel_runtime.backends import PROVIDER_HELP, Backend, make_backend
from accel_runtime.errors import InputError
from accel_runtime.forms import FORMS

Form = Annotated[
    str | None, typer.Option(help=f"Which graphs to run: {', '.join(FORMS)}; by default what the provider runs best.")
]
Provider = Annotated[str, typer.Option(help=PROVIDER_HELP)]
ProviderOptions = Annotated[
    list[str] | None,
    typer.Option("--provider-option", metavar="KEY=VALUE", help="An option of ONNX Runtime's provider; repeat."),
]


def choose_backend(provider: str, *, threads: int | None = None, options: list[str] | None = None) -> Backend:
    """Make the backend; where the choice was left to us, say what it fell on; where it runs native code, say so.

    Raises:
        AccelError: It cannot be had.
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

    >>> parse_options(["device_id=1"])
    {'device_id': '1'}
    """
    pairs = [text.partition("=") for text in texts]
    for key, equals, value in pairs:
        if not (key and equals and value):
            raise InputError(f"provider option {key + equals + value!r}: expected KEY=VALUE, such as device_id=1")
    return {key: value for key, _, value in pairs}
