"""The machine and the software that a number was measured on."""

import os
import platform
import resource
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import msgspec

from accel_bench.records.bounds import Count, Load
from accel_runtime.backends import BackendDescription

_PACKAGES = (
    "accel-sd",
    "numpy",
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-rocm",
    "onnxruntime-migraphx",
    "openvino",
)
_CPUINFO: Final = Path("/proc/cpuinfo")
_INSTRUCTIONS: Final = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "sve")


class Environment(msgspec.Struct, frozen=True):
    """What a reader needs to judge or repeat a measurement.

    Attributes:
        cpu: Model name of the processor.
        cores: Number of logical processors that this process may use.
        memory_bytes: Size of the machine's memory.
        system: Kernel and architecture.
        python: Version of Python.
        packages: Versions of the packages that take part.
        load_average: Load average of the last minute before the run.
        instructions: Instruction sets of the processor that matter for convolutions and matrix products; empty where
            they are not known. Virtual machines of quite different processors may share a model name.
    """

    cpu: str
    cores: Count
    memory_bytes: Count
    system: str
    python: str
    packages: dict[str, str]
    load_average: Load
    instructions: str = ""


def read_environment() -> Environment:
    """The environment of this process."""
    cpuinfo = _CPUINFO.read_text() if _CPUINFO.exists() else ""
    words = set(cpuinfo.split())
    return Environment(
        cpu=_cpu_model(cpuinfo),
        cores=available_cores(),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        packages=dict(_installed()),
        load_average=os.getloadavg()[0],
        instructions=" ".join(name for name in _INSTRUCTIONS if name in words),
    )


def peak_rss_bytes(*, with_children: bool = False) -> int:
    """The peak memory of this process so far, plus that of its largest ended child if wanted."""
    whose = (resource.RUSAGE_SELF, *((resource.RUSAGE_CHILDREN,) if with_children else ()))
    peak = sum(resource.getrusage(who).ru_maxrss for who in whose)
    # Linux counts in kB, macOS in bytes.
    return peak if sys.platform == "darwin" else peak * 1024


def available_cores() -> int:
    """The number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def runs(backend: BackendDescription) -> str:
    """What ran the graphs, and their form where it is not the plain one."""
    form = backend.options.get("form", "plain")
    return f"{backend.backend} {backend.provider}" + ("" if form == "plain" else f", {form} graphs")


def machine(backend: BackendDescription, environment: Environment) -> str:
    """What ran the graphs and on which machine, for a heading."""
    return f"{runs(backend)}, version {backend.version}, {environment.cpu}, {environment.cores} cores"


def machine_name(environment: Environment) -> str:
    """The name by which a profile's measured figure tells its machine from others."""
    instructions = f" ({environment.instructions})" if environment.instructions else ""
    return f"{environment.cpu}{instructions}, {environment.cores} cores"


def _cpu_model(cpuinfo: str) -> str:
    names = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _installed() -> list[tuple[str, str]]:
    found = []
    for name in _PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return found
