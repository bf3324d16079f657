"""Where a profile's configs are run: on its device, or, marked as not comparable, on another."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from accel_bench.doctor.devices import Device
from accel_bench.profiles import BackendChoice, Config, Profile, load_profile, matching_devices
from accel_runtime.backends import Backend, make_backend
from accel_runtime.backends.probe import run_probe
from accel_runtime.errors import AccelError, BackendError, InputError


@dataclass(frozen=True, slots=True)
class Place:
    """A device, and what was changed to run there.

    Attributes:
        profile: Of the device that runs; its peaks are the limit.
        instead: What differs from the profile that is replayed, in words.
    """

    profile: Profile
    instead: tuple[str, ...]


def choose_place(profile: Profile, devices: Sequence[Device], *, device: str | None, allow_other: bool) -> Place:
    """The profile's own device, or the one that is asked for by the name of its profile.

    Raises:
        InputError: This machine does not have it, or another one is asked for without being allowed.
    """
    if device is None or device == profile.name:
        matching_devices(profile, devices)
        return Place(profile, ())
    if not allow_other:
        raise InputError(
            f"--device {device}: profile {profile.name} is for {profile.device.title}: "
            "add --allow-other-device, and compare the figures with nothing that it says"
        )
    other = load_profile(device)
    matching_devices(other, devices)
    return Place(other, (f"on {other.device.title} instead of {profile.device.title}",))


def open_backend(choices: Sequence[BackendChoice], *, threads: int | None = None) -> tuple[str, Backend]:
    """The first of a profile's backends that runs here, with its provider's name.

    Raises:
        BackendError: None does; says why of each.
    """
    reasons = []
    for choice in choices:
        try:
            backend = make_backend(choice.provider, threads=threads, options=choice.options)
            if backend.artifact == "onnx":
                run_probe(backend)
        except AccelError as error:
            reasons.append(f"{choice.provider}: {error}")
            continue
        return choice.provider, backend
    raise BackendError(f"no backend of the profile runs here: {'; '.join(reasons)}")


def adapt(config: Config, *, model: str | None, on_host: bool) -> tuple[Config, tuple[str, ...]]:
    """A config as it can be run elsewhere, and what was changed, in words.

    Args:
        config: The profile's.
        model: To run in place of the config's, with trained weights.
        on_host: Whether a processor runs it, for which half precision does not pay.
    """
    changed, told = config, []
    if model not in (None, config.model):
        changed = msgspec.structs.replace(changed, model=model, weights="trained")
        told.append(f"model {model} instead of {config.model}")
    if on_host and config.dtype != "fp32":
        changed = msgspec.structs.replace(changed, dtype="fp32")
        told.append(f"fp32 instead of {config.dtype}")
    return changed, tuple(told)


def fit(config: Config, size: tuple[int, int], *, model: str) -> tuple[Config, tuple[str, ...]]:
    """The same at the (height, width) of a model that stands in for ``model``."""
    if config.model == model or (config.height, config.width) == size:
        return config, ()
    told = f"{size[1]}×{size[0]} instead of {config.width}×{config.height}"
    return msgspec.structs.replace(config, height=size[0], width=size[1]), (told,)
