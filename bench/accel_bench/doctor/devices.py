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
        name: Name that the driver gives it.
        memory_bytes: Size of its memory; None where the driver does not say.
        architecture: Name that compilers give it, such as `x86_64`, `sm_90` or `gfx90a`.
        details: Driver, cores, features.
        compute_units: Number of compute units; only of AMD's cards.
        pci_id: PCI device id; only of AMD's cards.
    """

    kind: str
    name: str
    memory_bytes: int | None
    architecture: str
    details: dict[str, str]
    compute_units: int | None = None
    pci_id: int | None = None


def read_devices() -> tuple[Device, ...]:
    """Every processor and graphics card that this process can see."""
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
    """Parse what ``nvidia-smi --query-gpu=name,driver_version,memory.total,compute_cap`` prints, memory in MiB."""
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
    """The devices that the kernel's compute driver for AMD lists; a card with two dies, such as MI250, is two devices.

    HIP itself works from this list. A device that a container was not given cannot be read, and is left out.

    Args:
        nodes: Folder of the driver in sysfs.
        drm: Folder in sysfs where cards tell their product name.
        rocm: Version of ROCm, noted in the details.
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
            compute_units=_compute_units(properties),
            pci_id=properties.get("device_id"),
        )
        for node, properties in facts
        if properties.get("gfx_target_version")
    ]


def _kfd_properties(node: Path) -> dict[str, int]:
    pairs = (line.split() for line in _text(node / "properties").splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def _compute_units(properties: dict[str, int]) -> int | None:
    """How many there are; None where the driver does not say, or says 0."""
    simds, per_unit = properties.get("simd_count"), properties.get("simd_per_cu")
    return simds // per_unit if simds and per_unit else None


def _product(card: Path) -> str:
    return _text(card / "device" / "product_name")


def _text(file: Path) -> str:
    """The content of a file of the kernel's; empty where there is none or it may not be read."""
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""


def gfx_name(version: int) -> str:
    """The name of an architecture from the driver's number, which holds major, minor and stepping as decimals.

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
