"""Readings of a device's energy and memory, where it offers them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from accel_runtime.backends import BackendDescription

_RAPL: Final = Path("/sys/class/powercap/intel-rapl:0")
# Beginnings of the names of providers that run on a graphics card.
_NVIDIA: Final = ("CUDA", "Tensorrt", "cuda")
_AMD: Final = ("ROCM", "MIGraphX")


class Meters(Protocol):
    """Readings of a device; None where it offers none."""

    def joules(self) -> float | None:
        """Energy used since some moment in the past."""
        ...

    def device_bytes(self) -> int | None:
        """Bytes of the device's memory that are in use by any process."""
        ...


@dataclass(frozen=True, slots=True)
class NoMeters:
    """The meters of a device that offers no readings."""

    def joules(self) -> None:
        """See `Meters.joules`."""

    def device_bytes(self) -> None:
        """See `Meters.device_bytes`."""


@dataclass(frozen=True, slots=True, eq=False)
class NvidiaMeters:
    """The meters of an NVIDIA card, read with nvidia-ml-py.

    Attributes:
        nvml: The module `pynvml`, initialised.
        handle: NVML's handle of the device.
    """

    nvml: Any
    handle: Any

    def joules(self) -> float | None:
        """See `Meters.joules`."""
        try:
            return float(self.nvml.nvmlDeviceGetTotalEnergyConsumption(self.handle)) / 1e3
        except self.nvml.NVMLError:
            return None

    def device_bytes(self) -> int | None:
        """See `Meters.device_bytes`."""
        return int(self.nvml.nvmlDeviceGetMemoryInfo(self.handle).used)


@dataclass(frozen=True, slots=True, eq=False)
class AmdMeters:
    """The meters of an AMD card, read with amdsmi.

    Attributes:
        smi: The module `amdsmi`, initialised.
        handle: Handle of the device in amdsmi.
    """

    smi: Any
    handle: Any

    def joules(self) -> float | None:
        """See `Meters.joules`."""
        try:
            count = self.smi.amdsmi_get_energy_count(self.handle)
        except self.smi.AmdSmiException:
            return None
        # In microjoules: a count, and how many a unit of it is.
        return float(count["energy_accumulator"] * count["counter_resolution"]) / 1e6

    def device_bytes(self) -> int | None:
        """See `Meters.device_bytes`."""
        return int(self.smi.amdsmi_get_gpu_memory_usage(self.handle, self.smi.AmdSmiMemoryType.VRAM))


@dataclass(frozen=True, slots=True)
class RaplMeters:
    """The meters of a processor's package, read from the kernel's powercap interface."""

    folder: Path = _RAPL

    def joules(self) -> float | None:
        """See `Meters.joules`. The counter starts again now and then; a difference across that moment is negative."""
        try:
            return int((self.folder / "energy_uj").read_text()) / 1e6
        except (OSError, ValueError):
            return None

    def device_bytes(self) -> None:
        """See `Meters.device_bytes`. Records keep the peak memory of the process instead."""


def meters_for(backend: BackendDescription) -> Meters:
    """The meters of the device that ``backend`` runs on."""
    device = int(backend.options.get("device_id", 0))
    for words, opener in ((_NVIDIA, _open_nvidia), (_AMD, _open_amd)):
        if backend.provider.startswith(words):
            return _or_none(opener, device)
    return RaplMeters() if RaplMeters().joules() is not None else NoMeters()


def _or_none(opener: Callable[[int], Meters], device: int) -> Meters:
    """Open meters, or none: a run must not fail because a reading does, and both libraries fail in many ways."""
    try:
        return opener(device)
    except Exception:  # noqa: BLE001  # see above
        return NoMeters()


def _open_nvidia(device: int) -> Meters:
    import pynvml  # noqa: PLC0415  # optional

    pynvml.nvmlInit()
    return NvidiaMeters(pynvml, pynvml.nvmlDeviceGetHandleByIndex(device))


def _open_amd(device: int) -> Meters:
    import amdsmi  # noqa: PLC0415  # optional, comes with ROCm

    amdsmi.amdsmi_init()
    return AmdMeters(amdsmi, amdsmi.amdsmi_get_processor_handles()[device])
