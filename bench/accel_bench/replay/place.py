"""Where a profile's configs run: on its device, or on another one, which is then not comparable."""

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
    """The device that configs run on.

    Attributes:
        profile: Profile of that device; it gives the peaks.
        instead: Differences to the profile that is replayed, in words.
    """

    profile: Profile
    instead: tuple[str, ...]


def choose_place(profile: Profile, devices: Sequence[Device], *, device: str | None, allow_other: bool) -> Place:
    """The profile's own device, or the one whose profile is asked for.

    Args:
        profile: Profile that is replayed.
        devices: Devices of this machine.
        device: Name of the profile of another device; None takes the profile's own.
        allow_other: Whether another device may be taken.

    Raises:
        InputError: This machine does not have the device, or another one is not allowed.
    """
    if device is None or device == profile.name:
        matching_devices(profile, devices)
        return Place(profile, ())
    if not allow_other:
        raise InputError(
            f"--device {device}: profile {profile.name} is for {profile.device.title}: "
            "add --allow-other-device; the figures are then not compared with the profile's"
        )
    other = load_profile(device)
    matching_devices(other, devices)
    return Place(other, (f"on {other.device.title} instead of {profile.device.title}",))


def open_backend(choices: Sequence[BackendChoice], *, threads: int | None = None) -> tuple[str, Backend]:
    """The first of a profile's backends that runs here, after the name of its provider.

    Raises:
        BackendError: None of them runs; the message says why for each.
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
    """A config that can run elsewhere, and what was changed for it, in words.

    Args:
        config: Config of the profile.
        model: Model to run in its place, with trained weights; None keeps the config's.
        on_host: Whether a processor runs it; half precision does not pay there.
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
    """A config at the (height, width) of the model that stands in for ``model``, and what was changed, in words."""
    if config.model == model or (config.height, config.width) == size:
        return config, ()
    told = f"{size[1]}×{size[0]} instead of {config.width}×{config.height}"
    return msgspec.structs.replace(config, height=size[0], width=size[1]), (told,)
