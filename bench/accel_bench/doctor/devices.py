"""Processors and graphics cards, with their drivers, from what the system itself tells."""

import platform
import shutil
import subprocess
from pathlib import Path
from typing import Final

import msgspec

from accel_bench.records.environment import read_environment

_KFD: Final = Path("/sys/class/kfd/kfd/topology/nodes")
_DRM: Final = Path("/sys/class/drm")
_ROCM_VERSION: Final = Path("/opt/rocm/.info/version")
_SMI: Final = ("--query-gpu=name,driver_version,memory.total,compute_cap", "--format=csv,noheader,nounits")


class Device(msgspec.Struct, frozen=True):
    """One processor or graphics card.

    Attributes:
        kind: `cpu`, `nvidia` or `amd`.
        name: As the driver calls it.
        memory_bytes: Its memory; None where the driver does not say.
        architecture: As compilers call it: `x86_64`, `sm_90`, `gfx90a`.
        details: Driver, cores, features.
        compute_units: Of AMD's cards.
        pci_id: Of AMD's cards, the PCI device.
    """

    kind: str
    name: str
    memory_bytes: int | None
    architecture: str
    details: dict[str, str]
    compute_units: int | None = None
    pci_id: int | None = None


def read_devices() -> tuple[Device, ...]:
    """All that can be seen from here."""
    return (_cpu(), *_nvidia(), *_amd())


def _cpu() -> Device:
    here = read_environment()
    details = {"cores": str(here.cores), "features": here.instructions or "unknown"}
    return Device("cpu", here.cpu, here.memory_bytes, platform.machine(), details)


def _nvidia() -> list[Device]:
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    try:
        done = subprocess.run([command, *_SMI], capture_output=True, text=True, check=False, timeout=30)  # noqa: S603  # the driver's tool
    except (OSError, subprocess.TimeoutExpired):
        return []
    return parse_nvidia_smi(done.stdout) if done.returncode == 0 else []


def parse_nvidia_smi(text: str) -> list[Device]:
    """The devices of ``nvidia-smi --query-gpu=name,driver_version,memory.total,compute_cap``, memory in MiB."""
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines() if line.count(",") == 3]
    return [
        Device(
            kind="nvidia",
            name=name,
            # Chips that share the processor's memory have none of their own: "[N/A]".
            memory_bytes=int(memory) * 2**20 if memory.isdecimal() else None,
            architecture=f"sm_{capability.replace('.', '')}",
            details={"driver": driver},
        )
        for name, driver, memory, capability in rows
    ]


def _amd() -> list[Device]:
    rocm = _ROCM_VERSION.read_text().strip() if _ROCM_VERSION.exists() else "not found"
    return read_kfd(_KFD, drm=_DRM, rocm=rocm)


def read_kfd(nodes: Path, *, drm: Path, rocm: str) -> list[Device]:
    """The devices of the kernel's compute driver for AMD; a card with two dies, such as MI250, is two of them.

    This is the list that HIP itself works from. What a container was not given cannot be read, and is left out.

    Args:
        nodes: The driver's folder in sysfs.
        drm: The folder in sysfs where cards say their product name.
        rocm: Version to note beside them.
    """
    numbered = sorted((path for path in nodes.glob("*") if path.name.isdecimal()), key=lambda path: int(path.name))
    facts = ((node, _kfd_properties(node)) for node in numbered)
    return [
        Device(
            kind="amd",
            name=_product(drm / f"renderD{properties.get('drm_render_minor')}") or _text(node / "name") or "AMD GPU",
            memory_bytes=_kfd_memory(node),
            architecture=gfx_name(properties["gfx_target_version"]),
            details={"ROCm": rocm},
            compute_units=properties["simd_count"] // properties["simd_per_cu"]
            if "simd_per_cu" in properties
            else None,
            pci_id=properties.get("device_id"),
        )
        for node, properties in facts
        if properties.get("gfx_target_version")
    ]


def _kfd_properties(node: Path) -> dict[str, int]:
    pairs = (line.split() for line in _text(node / "properties").splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def _compute_units(properties: dict[str, int]) -> int | None:
    simds, per_unit = properties.get("simd_count"), properties.get("simd_per_cu")
    return simds // per_unit if simds and per_unit else None


def _product(card: Path) -> str:
    return _text(card / "device" / "product_name")


def _text(file: Path) -> str:
    """What a file of the kernel's says; empty where there is none, or where it must not be read."""
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""


def gfx_name(version: int) -> str:
    """The architecture's name of the driver's number: decimal major, minor, stepping; the last two in hexadecimal.

    >>> gfx_name(90010), gfx_name(110001)
    ('gfx90a', 'gfx1101')
    """
    return f"gfx{version // 10000}{version // 100 % 100:x}{version % 100:x}"


def _kfd_memory(node: Path) -> int | None:
    sizes = [
        int(line.split()[1])
        for bank in (node / "mem_banks").glob("*/properties")
        for line in _text(bank).splitlines()
        if line.startswith("size_in_bytes")
    ]
    return max(sizes, default=None)
