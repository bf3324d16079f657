"""`accel serve`."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer

from accel_bench.cli.console import note, note_patiently
from accel_bench.cli.options import MACHINE, PLANS, Provider, ProviderOptions, Threads, choose_backend
from accel_runtime.errors import InputError, MissingExtraError

_LISTENING: Final = "Where it listens"
_LOAD: Final = "The load"
# What the extra installs, by the name of its import.
_PACKAGES: Final = {
    "starlette": "starlette",
    "uvicorn": "uvicorn",
    "prometheus_client": "prometheus-client",
    "python_multipart": "python-multipart",
}


def serve(
    bundles: Annotated[list[Path], typer.Argument(help="The bundles' folders; a folder's name is the model's.")],
    *,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 takes other machines too.", rich_help_panel=_LISTENING)
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", rich_help_panel=_LISTENING)] = 8000,
    api_key_file: Annotated[
        Path | None, typer.Option(help="A file of API keys, one a line.", rich_help_panel=_LISTENING)
    ] = None,
    drain: Annotated[
        float, typer.Option(help="Seconds that a stop gives to requests it took.", rich_help_panel=_LISTENING)
    ] = 30.0,
    log_prompts: Annotated[
        bool, typer.Option("--log-prompts", help="Tell prompts in the log.", rich_help_panel=_LISTENING)
    ] = False,
    plan: Annotated[
        str,
        typer.Option(
            help="What requests run that name neither plan, steps nor scheduler: full, every:3 or calls:0,3,7, or the "
            "name of a plan of the bundle.",
            rich_help_panel=PLANS,
        ),
    ] = "full",
    overload_plan: Annotated[
        str | None,
        typer.Option(help="What these run instead while the queue is half full.", rich_help_panel=PLANS),
    ] = None,
    mode: Annotated[
        str,
        typer.Option(help="How requests share calls: steps, batches, singles; auto measures.", rich_help_panel=_LOAD),
    ] = "auto",
    batch: Annotated[int, typer.Option(help="The most images of a call.", rich_help_panel=_LOAD)] = 8,
    queue: Annotated[int, typer.Option(help="Images that may wait; more get 429.", rich_help_panel=_LOAD)] = 64,
    most_images: Annotated[int, typer.Option(help="Images of one request.", rich_help_panel=_LOAD)] = 10,
    most_steps: Annotated[int, typer.Option(help="Steps of one request.", rich_help_panel=_LOAD)] = 100,
    most_pixels: Annotated[
        int | None,
        typer.Option(
            help="Pixels of one image.", show_default="4 times those of the model's own size", rich_help_panel=_LOAD
        ),
    ] = None,
    provider: Provider = "cpu",
    provider_options: ProviderOptions = None,
    threads: Threads = None,
    trust_files: Annotated[
        bool,
        typer.Option("--trust-files", help="Do not hash the bundles' weights on opening.", rich_help_panel=MACHINE),
    ] = False,
) -> None:
    """Serve bundles by OpenAI's Images API."""
    for name, low, high in (("--port", 0, 65535), ("--batch", 1, 64), ("--queue", 1, 10_000)):
        value = {"--port": port, "--batch": batch, "--queue": queue}[name]
        if not low <= value <= high:
            raise InputError(f"{name}: expected {low} to {high}, got {value}")
    if not 0 <= drain <= 3600:
        raise InputError(f"--drain: expected 0 to 3600 seconds, got {drain:g}")
    _check_installed()
    from accel_serve.engine.mode import parse_mode  # noqa: PLC0415 - an extra, imported where it is used
    from accel_serve.http.limits import Limits  # noqa: PLC0415
    from accel_serve.http.served import EngineOptions  # noqa: PLC0415
    from accel_serve.http.server import ServerOptions, run  # noqa: PLC0415
    from accel_serve.http.service import ServiceOptions, open_service  # noqa: PLC0415

    engines = EngineOptions(parse_mode(mode), most_images=batch, most_waiting=queue)
    place = ServerOptions(host, port, drain_s=drain)
    limits = Limits(images=most_images, steps=most_steps, pixels=most_pixels)
    options = ServiceOptions(
        bundles,
        plan=plan,
        overload_plan=overload_plan,
        key_file=api_key_file,
        limits=limits,
        logs_prompts=log_prompts,
        verification="sizes" if trust_files else "hashes",
    )
    service = open_service(
        options, choose_backend(provider, threads=threads, options=provider_options), say=note_patiently
    )
    if not place.is_loopback and api_key_file is None:
        note(f"{host}: other machines may ask, and no key is needed: give --api-key-file")
    run(service, engines, place)


def _check_installed() -> None:
    """Whether what the extra installs is there.

    Raises:
        MissingExtraError: It is not.
    """
    for module, package in _PACKAGES.items():
        if find_spec(module) is None:
            raise MissingExtraError(package, extra="serve")
