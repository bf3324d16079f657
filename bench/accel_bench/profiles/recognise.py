"""Whether this machine has the device that a profile is for."""

from collections.abc import Sequence

from accel_bench.doctor.devices import Device
from accel_bench.profiles.names import is_named
from accel_bench.profiles.schema import Profile, Target
from accel_runtime.errors import InputError


def matches(target: Target, device: Device) -> bool:
    """Whether ``device`` is the one that ``target`` describes. A mark that either side does not know is ignored.

    A card is recognised by its name or, where the driver has only a code name for it, by its PCI id. Compute units
    distinguish cards that share both, such as MI250 and MI250X.
    """
    marks = target.marks
    named = any(is_named(device.name, name) for name in marks.names)
    recognised = named or device.pci_id in marks.pci_ids or not (marks.names or marks.pci_ids)
    return (
        device.kind == target.kind
        and recognised
        and marks.architecture in (None, device.architecture)
        and (device.compute_units is None or marks.compute_units in (None, device.compute_units))
    )


def matching_devices(profile: Profile, devices: Sequence[Device]) -> tuple[Device, ...]:
    """The ones among ``devices`` that the profile is for; for a card with two dies, its dies.

    Raises:
        InputError: There is none; the message names the devices of this machine.
    """
    found = tuple(device for device in devices if matches(profile.device, device))
    if not found:
        raise InputError(
            f"profile {profile.name} is for {_describe_target(profile.device)}; this machine has {_list(devices)}: "
            "run it there, or run its configs elsewhere with --device cpu --allow-other-device"
        )
    return found


def _describe_target(target: Target) -> str:
    marks = target.marks
    units = f"{marks.compute_units} compute units" if marks.compute_units else None
    facts = ", ".join(fact for fact in (marks.architecture, units) if fact)
    return f"{target.title} ({facts})" if facts else target.title


def _list(devices: Sequence[Device]) -> str:
    texts = [_describe(device) for device in devices]
    counts = {text: texts.count(text) for text in texts}
    return " and ".join(f"{count} × {text}" if count > 1 else text for text, count in counts.items())


def _describe(device: Device) -> str:
    units = f", {device.compute_units} compute units" if device.compute_units else ""
    return f"{device.name} ({device.architecture}{units})"
