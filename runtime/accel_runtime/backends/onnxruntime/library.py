"""The installed ONNX Runtime: its import, its log, its plug-ins, its arena."""

import os
import re
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from accel_runtime.backends.onnxruntime.missing import missing_library
from accel_runtime.backends.onnxruntime.providers import Provider
from accel_runtime.errors import InputError, MissingExtraError, explained, first_line

# What ONNX Runtime prints of its own accord; what a user must know reaches them as our error.
LOG_VARIABLE: Final = "ACCEL_ORT_LOG"
_NO_HALF: Final = "requires f16 but the device does not support it"
_CHECK: Final = re.compile(r"^/\S+:\d+ .* was false\. ?")
_SEVERITIES: Final = {"verbose": 0, "info": 1, "warning": 2, "error": 3, "fatal": 4}


def import_onnxruntime(extra: str) -> Any:
    """The package, silenced.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import onnxruntime  # noqa: PLC0415  # the wheel is an extra, asked for only where it is used
    except ModuleNotFoundError as error:
        if error.name != "onnxruntime":
            raise
        raise MissingExtraError("onnxruntime", extra=extra) from None
    if not hasattr(onnxruntime, "InferenceSession"):
        raise MissingExtraError("onnxruntime (only its empty folder is there, so it)", extra=extra)
    onnxruntime.set_default_logger_severity(log_severity())
    return onnxruntime


def log_severity() -> int:
    """From which severity on ONNX Runtime may print, by the environment variable ACCEL_ORT_LOG.

    Raises:
        InputError: The variable is none of ONNX Runtime's words.
    """
    word = os.environ.get(LOG_VARIABLE, "fatal")
    if word not in _SEVERITIES:
        raise InputError(f"{LOG_VARIABLE}: expected one of {', '.join(_SEVERITIES)}, got {word!r}")
    return _SEVERITIES[word]


def reason(error: BaseException) -> str:
    """What ONNX Runtime says went wrong, in one line, without the place in its sources."""
    text = first_line(error)
    if _NO_HALF in text:
        return "the adapter has no float16: take a bundle that was exported with --dtype fp32"
    return _CHECK.sub("", text)


def missing(ort: Any, provider: Provider) -> str | None:
    """What the provider lacks here; see `missing_library`."""
    file = getattr(ort, "__file__", None)
    return missing_library(provider, Path(file).parent / "capi") if file else None


def has_plugin(provider: Provider) -> bool:
    """Whether the plug-in's package is installed."""
    return provider.plugin is not None and find_spec(provider.plugin) is not None


def plugin_devices(ort: Any, provider: Provider) -> list[Any]:
    """The devices that the provider's plug-in finds; empty without the plug-in, or without a real device.

    Raises:
        BackendError: The plug-in does not fit this ONNX Runtime.
    """
    if provider.plugin is None or not hasattr(ort, "get_ep_devices") or not has_plugin(provider):
        return []
    plugin = import_module(provider.plugin)
    with explained(f"the plug-in {provider.plugin} cannot be registered", reason=reason):
        _register(ort, provider.plugin, library=str(plugin.get_library_path()))
    found = [device for device in ort.get_ep_devices() if device.ep_name == plugin.get_ep_name()]
    # A virtual one compiles graphs and runs none.
    return [device for device in found if "is_virtual" not in device.device.metadata]


@cache
def _register(ort: Any, name: str, *, library: str) -> None:
    """ONNX Runtime refuses a plug-in that is registered twice."""
    ort.register_execution_provider_library(name, library)


@cache
def share_arena(ort: Any) -> None:
    """One arena for all sessions of the process, which ONNX Runtime allows to be made once.

    Measured on SD1.5 at 512×512 (docs/performance.md): without an arena every call maps and faults in
    gigabytes anew, and a shallow pass takes twice as long; an arena per session keeps 5 GB more.
    Growing by what is asked for, not by powers of two, keeps the rest of the waste away.
    """
    info = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    same_as_requested = 1
    ort.create_and_register_allocator(info, ort.OrtArenaCfg({"arena_extend_strategy": same_as_requested}))
