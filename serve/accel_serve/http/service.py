"""From what an operator asks for to a service."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from accel_runtime.backends import Backend
from accel_runtime.bundle.bundle import Verification
from accel_runtime.errors import InputError
from accel_runtime.pipeline import Pipeline, open_bundle
from accel_serve.http.app import Service
from accel_serve.http.keys import Keys
from accel_serve.http.limits import Limits
from accel_serve.http.log import Log
from accel_serve.http.metrics import Metrics
from accel_serve.http.plans import Plans
from accel_serve.http.served import Say, Served, check_servable, most_pixels_of


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """What is served.

    Attributes:
        bundles: Folders; each is a model by its folder's name.
        plan: What a request runs that names neither plan, steps nor scheduler.
        overload_plan: What such a request runs when the queue is half full; None keeps `plan`.
        key_file: API keys; None asks for none.
        limits: What clients may ask for.
        logs_prompts: Whether the log tells prompts.
        verification: See `accel_runtime.open_bundle`.
    """

    bundles: Sequence[Path]
    plan: str = "full"
    overload_plan: str | None = None
    key_file: Path | None = None
    limits: Limits = field(default_factory=Limits)
    logs_prompts: bool = False
    verification: Verification = "hashes"


def open_service(options: ServiceOptions, backend: Backend, *, say: Say) -> Service:
    """Open all bundles; their engines are made by `accel_serve.http.server.run`.

    Args:
        options: What is served.
        backend: Runs the graphs.
        say: Writes a line of the log, by a thread of its own.

    Raises:
        AccelError: A bundle cannot be opened or served, two have one name, or a plan or the keys are none.
    """
    keys = Keys(()) if options.key_file is None else Keys.read(options.key_file)
    models: dict[str, Served] = {}
    for folder in options.bundles:
        name = folder.resolve().name
        if name in models:
            raise InputError(f"{folder}: another bundle is called {name} too: rename the folder")
        models[name] = _served(name, open_bundle(folder, backend, verification=options.verification), options)
    metrics = Metrics()
    log = Log(say, dropped=metrics.lost_lines.inc)
    return Service(models, keys, options.limits, metrics, log, logs_prompts=options.logs_prompts)


def _served(name: str, pipeline: Pipeline, options: ServiceOptions) -> Served:
    manifest = pipeline.bundle.manifest
    check_servable(manifest, name)
    plans = Plans(pipeline, default=options.plan, overload=options.overload_plan)
    return Served(name, pipeline, plans, options.limits.pixels or most_pixels_of(manifest))
