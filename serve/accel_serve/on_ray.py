"""The service on Ray Serve (package `ray[serve]`, extra `ray-serve`): the same engines and HTTP, a replica a device.

serve run accel_serve.on_ray:application bundles=/srv/sd15 plan=fast provider=cuda gpus=1 replicas=4
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec

from accel_runtime.backends import make_backend
from accel_runtime.errors import InputError, MissingExtraError
from accel_runtime.printable import printable
from accel_serve.engine.mode import parse_mode
from accel_serve.http.app import Service
from accel_serve.http.served import EngineOptions
from accel_serve.http.service import ServiceOptions, open_service

Several = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class Arguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `serve run` and a Serve config file may say; texts are read as numbers where numbers are meant.

    Attributes:
        bundles: Folders that every node sees, separated by commas.
        plan: As `accel serve --plan`.
        overload_plan: As `--overload-plan`.
        key_file: As `--api-key-file`.
        provider: As `--provider`.
        mode: As `--mode`.
        batch: As `--batch`.
        queue: As `--queue`, of each replica.
        least: The fewest replicas.
        replicas: The most replicas.
        cpus: Processors that a replica reserves.
        gpus: GPUs that a replica reserves: 1 where the provider runs on GPUs.
    """

    bundles: str
    plan: str = "full"
    overload_plan: str | None = None
    key_file: str | None = None
    provider: str = "cpu"
    mode: str = "auto"
    batch: Annotated[int, msgspec.Meta(ge=1, le=64)] = 8
    queue: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 64
    least: Several = 1
    replicas: Several = 1
    cpus: Annotated[float, msgspec.Meta(ge=0)] = 1
    gpus: Annotated[float, msgspec.Meta(ge=0)] = 0


def application(arguments: dict[str, Any]) -> Any:  # a `ray.serve.Application`
    """The application for Ray Serve: between the fewest replicas and the most, by how many requests each has.

    Raises:
        InputError: An argument is wrong.
        MissingExtraError: Ray Serve is not installed.
    """
    told = _read(arguments)
    try:
        from ray import serve  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("ray[serve]", extra="ray-serve") from error

    deployed = serve.deployment(
        name="accel",
        # The engine refuses what its queue cannot hold; Ray's own limit would keep batches small.
        max_ongoing_requests=told.queue + told.batch,
        autoscaling_config={
            "min_replicas": told.least,
            "max_replicas": max(told.least, told.replicas),
            "target_ongoing_requests": told.batch,
        },
        ray_actor_options={"num_cpus": told.cpus, "num_gpus": told.gpus},
    )(serve.ingress()(Replica))
    return deployed.bind(told)


class Replica:
    """The service in one of Ray's processes; it is made once its engines are warm.

    Raises:
        AccelError: A bundle cannot be opened or drawn, or an argument is wrong.
    """

    def __init__(self, told: Arguments) -> None:
        options = ServiceOptions(
            [Path(each) for each in told.bundles.split(",")],
            plan=told.plan,
            overload_plan=told.overload_plan,
            key_file=None if told.key_file is None else Path(told.key_file),
        )
        self.service: Service = open_service(options, make_backend(told.provider), say=_say)
        self.service.log.__enter__()
        engines = EngineOptions(parse_mode(told.mode), most_images=told.batch, most_waiting=told.queue)
        for served in self.service.models.values():
            served.warm_up(engines, metrics=self.service.metrics, say=self.service.log)

    def __serve_build_asgi_app__(self) -> Any:
        """What Ray asks for the answers."""
        return self.service.application(is_loopback=False)

    def __del__(self) -> None:
        """Ray drops a replica once its requests are answered."""
        self.close()

    def close(self) -> None:
        """End the engines; what they have not drawn by now is refused."""
        service: Service | None = getattr(self, "service", None)  # none where it could not be opened
        if service is None:
            return
        for served in service.models.values():
            if served.engine is not None:
                served.engine.close(finish_s=0)
        service.log.__exit__(None, None, None)


def _read(arguments: dict[str, Any]) -> Arguments:
    try:
        return msgspec.convert(arguments, Arguments, strict=False)
    except msgspec.ValidationError as error:
        raise InputError(f"accel on Ray Serve: {error}: expected {', '.join(Arguments.__struct_fields__)}") from error


def _say(line: str) -> None:
    """Into the log that Ray keeps of each replica."""
    sys.stderr.write(f"{printable(line)}\n")
