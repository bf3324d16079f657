"""The graphics adapters of this machine, as Vulkan's loader lists them.

ONNX Runtime's WebGPU provider does not tell which adapter it took. On Linux it asks Dawn for the one of highest
performance, which takes them in the order of `_RANK`; where several of the best kind are there, the first is named.
"""

import ctypes
import sys
from dataclasses import dataclass
from typing import Any, Final, Literal

Kind = Literal["discrete", "integrated", "virtual", "software", "other"]

# VkPhysicalDeviceType
_KINDS: Final[tuple[Kind, ...]] = ("other", "integrated", "discrete", "virtual", "software")
_RANK: Final[tuple[Kind, ...]] = ("discrete", "integrated", "virtual", "other", "software")
_LOADER: Final = "libvulkan.so.1"
_INSTANCE_CREATE_INFO: Final = 1
# More than VkPhysicalDeviceProperties has, of which only the head is read.
_PROPERTIES_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Adapter:
    """One adapter: its name and what it is."""

    name: str
    kind: Kind

    @property
    def is_software(self) -> bool:
        """Whether it is a program on the processor, such as SwiftShader or llvmpipe."""
        return self.kind == "software"


class _InstanceInfo(ctypes.Structure):
    """VkInstanceCreateInfo."""

    _fields_ = (
        ("type", ctypes.c_int32),
        ("next", ctypes.c_void_p),
        ("flags", ctypes.c_uint32),
        ("application", ctypes.c_void_p),
        ("layer_count", ctypes.c_uint32),
        ("layers", ctypes.c_void_p),
        ("extension_count", ctypes.c_uint32),
        ("extensions", ctypes.c_void_p),
    )


class _Properties(ctypes.Structure):
    """The head of VkPhysicalDeviceProperties."""

    _fields_ = (
        ("api_version", ctypes.c_uint32),
        ("driver_version", ctypes.c_uint32),
        ("vendor", ctypes.c_uint32),
        ("device", ctypes.c_uint32),
        ("kind", ctypes.c_uint32),
        ("name", ctypes.c_char * 256),
    )


def can_list_adapters() -> bool:
    """Whether adapters are listed on this system; macOS has Metal, and Windows Direct3D."""
    return sys.platform.startswith("linux")


def list_adapters() -> tuple[Adapter, ...]:
    """All of them, the one that is taken first; empty without Vulkan's loader or without a driver."""
    try:
        vulkan = ctypes.CDLL(_LOADER)
    except OSError:
        return ()
    instance = ctypes.c_void_p()
    info = _InstanceInfo(type=_INSTANCE_CREATE_INFO)
    if vulkan.vkCreateInstance(ctypes.byref(info), None, ctypes.byref(instance)) != 0:
        return ()
    try:
        found = [_read(vulkan, device) for device in _devices(vulkan, instance)]
    finally:
        vulkan.vkDestroyInstance(instance, None)
    return tuple(sorted(found, key=lambda adapter: _RANK.index(adapter.kind)))


def _devices(vulkan: Any, instance: ctypes.c_void_p) -> list[int]:
    count = ctypes.c_uint32()
    if vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None) != 0:
        return []
    handles = (ctypes.c_void_p * count.value)()
    vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), handles)
    return [handle for handle in handles[: count.value] if handle]


def _read(vulkan: Any, device: int) -> Adapter:
    memory = ctypes.create_string_buffer(_PROPERTIES_BYTES)
    vulkan.vkGetPhysicalDeviceProperties(ctypes.c_void_p(device), memory)
    properties = _Properties.from_buffer(memory)
    kind: Kind = _KINDS[properties.kind] if properties.kind < len(_KINDS) else "other"
    return Adapter(properties.name.decode(errors="replace"), kind)
