"""What a provider lacks on this machine, and the command that brings it.

The linker is the judge: a library is there if it loads. NVIDIA's wheels, and torch's copies of the same libraries, lie
in folders that it does not search, so they are loaded from there first, one after another, as it names them
(`onnxruntime.preload_dlls` knows some folders and libraries only; onnxruntime issues 24719, 29198).
"""

import ctypes
import platform
import re
import site
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from accel_runtime.backends.onnxruntime.providers import Provider

# Folders of wheels that hold the vendors' libraries.
_FOLDERS: Final = (
    "nvidia/*/lib",
    "nvidia/*/*/lib",
    "torch/lib",
    "tensorrt_libs",
    "tensorrt_cu1?_libs",
    "openvino/libs",
)
_CANNOT_OPEN: Final = re.compile(r"(lib\S+\.so[\d.]*): cannot open shared object file")

_CUDA: Final = "run `pip install 'accel-sd[cuda]'`, which brings CUDA and cuDNN"
# Beginnings of a library's name → what it belongs to; the first that fits.
_OWNERS: Final = (
    (("libcuda.",), "NVIDIA's driver"),
    (("libcudnn",), "cuDNN"),
    (("libnvinfer", "libnvonnxparser"), "TensorRT"),
    (("libcu", "libnv"), "CUDA"),
    (("libmigraphx",), "MIGraphX"),
    (("libamdhip", "libhip", "libroc", "librccl", "libMIOpen", "libhsa", "libamd"), "ROCm"),
    (("libopenvino", "libtbb"), "OpenVINO"),
)
_REMEDIES: Final = {
    "NVIDIA's driver": "install it from your distribution or https://www.nvidia.com/drivers, until `nvidia-smi` works",
    "CUDA": _CUDA,
    "cuDNN": _CUDA,
    "TensorRT": "run `pip install 'tensorrt==10.*'`",
    "OpenVINO": "run `pip install 'accel-sd[ort-openvino]'`",
}
# Family of distributions → the command that installs a package of ROCm.
_INSTALLERS: Final = {
    "debian": "apt install {}",
    "ubuntu": "apt install {}",
    "fedora": "dnf install {}",
    "rhel": "dnf install {}",
    "suse": "zypper install {}",
    "arch": "pacman -S {}",
}
_ARCH_NAMES: Final = {"rocm": "rocm-hip-sdk"}


def missing_library(provider: Provider, folder: Path) -> str | None:
    """What the provider lacks and what brings it, in one line; None if nothing, or nothing known.

    What lies in a wheel's folder is loaded on the way, so that ONNX Runtime finds it.

    Args:
        provider: Which.
        folder: Folder of the wheel's shared libraries, `onnxruntime/capi`.
    """
    if provider.library is None or not (folder / provider.library).exists():
        return None
    if complaint := _load(folder / provider.library):
        return complaint
    if provider.driver is None:
        return None
    try:
        ctypes.CDLL(provider.driver)
    except OSError:
        return explain(provider.driver)
    return None


def explain(library: str) -> str:
    """What a missing library belongs to, and how to get that."""
    owner = next((owner for beginnings, owner in _OWNERS if library.startswith(beginnings)), None)
    if owner is None:
        return f"{library} is missing"
    return f"{owner} is missing ({library}): {_REMEDIES.get(owner) or _install(owner.lower())}"


def _load(library: Path) -> str | None:
    """Load a library, and before it what it needs from folders that the linker does not search; what is missing."""
    tried: set[str] = set()
    while True:
        try:
            ctypes.CDLL(str(library))
        except OSError as error:
            found = _CANNOT_OPEN.search(str(error))
            if found is None:
                return " ".join(str(error).split())
            if found[1] in tried or not _load_from_wheel(found[1]):
                return explain(found[1])
            tried.add(found[1])
        else:
            return None


def _load_from_wheel(name: str) -> bool:
    """Whether a library, or its part that is missing, lies in a wheel's folder and loads."""
    return any(_load(path) is None for path in _in_wheels(name))


def _in_wheels(name: str) -> Iterator[Path]:
    roots = dict.fromkeys([*sys.path, *site.getsitepackages()])
    for root in (Path(root) for root in roots if root.endswith(("site-packages", "dist-packages"))):
        for pattern in _FOLDERS:
            yield from sorted(root.glob(f"{pattern}/{name}"))


def _install(package: str) -> str:
    """The command for this machine's distribution; AMD's wheels on PyPI are empty."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    families = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    family = next((known for name in families for known in _INSTALLERS if name.startswith(known)), None)
    if family is None:
        return "see https://rocm.docs.amd.com for your system"
    name = _ARCH_NAMES.get(package, package) if family == "arch" else package
    source = "" if family in ("arch", "fedora") else " (from AMD's repository, https://rocm.docs.amd.com)"
    return f"run `sudo {_INSTALLERS[family].format(name)}`{source}"
