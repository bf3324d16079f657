"""Processors and graphics cards, with their drivers, from what the system itself tells."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

import msgspec

from accel_bench.environment import read_environment

_KFD: Final = Path("/sys/class/kfd/kfd/topology/nodes")
_ROCM_VERSION: Final = Path("/opt/rocm/.info/version")
_CPUINFO: Final = Path("/proc/cpuinfo")
# What makes a difference to convolutions and matrix products.
_FEATURES: Final = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "sve")
_SMI: Final = ("--query-gpu=name,driver_version,memory.total,compute_cap", "--format=csv,noheader,nounits")


class Device(msgspec.Struct, frozen=True):
    """One processor or graphics card.

    Attributes:
        kind: `cpu`, `nvidia` or `amd`.
        name: As the driver calls it.
        memory_bytes: Its memory; None where the driver does not say.
        details: Driver, architecture, features.
    """

    kind: str
    name: str
    memory_bytes: int | None
    details: dict[str, str]


def read_devices() -> tuple[Device, ...]:
    """All that can be seen from here."""
    return (_cpu(), *_nvidia(), *_amd())


def _cpu() -> Device:
    here = read_environment()
    flags = _CPUINFO.read_text().split() if _CPUINFO.exists() else []
    features = " ".join(name for name in _FEATURES if name in flags)
    return Device("cpu", here.cpu, here.memory_bytes, {"cores": str(here.cores), "features": features or "unknown"})


def _nvidia() -> list[Device]:
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    done = subprocess.run([command, *_SMI], capture_output=True, text=True, check=False, timeout=30)  # noqa: S603  # the driver's tool
    return parse_nvidia_smi(done.stdout) if done.returncode == 0 else []


def parse_nvidia_smi(text: str) -> list[Device]:
    """The devices of ``nvidia-smi --query-gpu=name,driver_version,memory.total,compute_cap``, memory in MiB."""
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines() if line.count(",") == 3]
    return [
        Device("nvidia", name, int(memory) * 2**20, {"driver": driver, "compute capability": capability})
        for name, driver, memory, capability in rows
    ]


def _amd() -> list[Device]:
    rocm = _ROCM_VERSION.read_text().strip() if _ROCM_VERSION.exists() else "not found"
    return read_kfd(_KFD, rocm=rocm)


def read_kfd(nodes: Path, *, rocm: str) -> list[Device]:
    """The devices of the kernel's compute driver for AMD; a card with two dies, such as MI250, is two of them.

    Args:
        nodes: The driver's folder in sysfs.
        rocm: Version to note beside them.
    """
    found = []
    for node in sorted(nodes.glob("*"), key=lambda path: int(path.name)):
        facts = dict(line.split(" ", 1) for line in (node / "properties").read_text().splitlines() if " " in line)
        version = int(facts.get("gfx_target_version", "0"))
        if version:
            name = (node / "name").read_text().strip() if (node / "name").exists() else "AMD GPU"
            found.append(Device("amd", name, _kfd_memory(node), {"architecture": gfx_name(version), "ROCm": rocm}))
    return found


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
        for line in bank.read_text().splitlines()
        if line.startswith("size_in_bytes")
    ]
    return max(sizes, default=None)
