"""A device of OpenVINO: what the caller requested, and what the compiled graph reports."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel_runtime.errors import BackendError, InputError

PRECISIONS = ("bf16", "f16", "f32")

# Names under which OpenVINO itself chooses among devices.
_CHOOSERS = ("AUTO", "HETERO", "MULTI")

# Read back from a compiled graph, where its device tells; AUTO and HETERO tell nothing.
_REPORTED = ("INFERENCE_NUM_THREADS", "NUM_STREAMS", "ENABLE_CPU_PINNING")


@dataclass(frozen=True, slots=True)
class Requested:
    """What the caller of a backend asked for; see `OpenVinoBackend`."""

    device: str
    precision: str | None = None
    threads: int | None = None
    cache_dir: Path | None = None

    def __post_init__(self) -> None:
        if self.precision is not None and self.precision not in PRECISIONS:
            raise InputError(f"precision: expected one of {', '.join(PRECISIONS)}, got {self.precision!r}")
        if self.threads is not None and self.threads < 1:
            raise InputError(f"threads: expected 1 or more, got {self.threads}")

    def options(self) -> dict[str, Any]:
        """The same in OpenVINO's words."""
        # One image at a time: everything works on one call, and more streams would only hold more memory.
        options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if self.device == "CPU":
            # Pinned threads wait for the very cores that other processes use: 3 to 4 times slower on a busy machine.
            options["ENABLE_CPU_PINNING"] = False
        if self.precision is not None:
            options["INFERENCE_PRECISION_HINT"] = self.precision
        if self.threads is not None:
            options["INFERENCE_NUM_THREADS"] = self.threads
        if self.cache_dir is not None:
            options["CACHE_DIR"] = str(self.cache_dir)
        return options


@dataclass(frozen=True, slots=True)
class Execution:
    """What a compiled graph says of itself; ``options`` lacks what a device does not tell."""

    devices: tuple[str, ...]
    options: dict[str, str | int | bool]


def read_execution(compiled: Any, requested: Requested) -> Execution:
    """Ask a compiled graph what runs it.

    Raises:
        BackendError: Another device or precision than asked for.
    """
    devices = tuple(compiled.get_property("EXECUTION_DEVICES"))
    _check_devices(devices, asked=requested.device)
    precision = _property(compiled, "INFERENCE_PRECISION_HINT")
    actual = None if precision is None else str(precision.get_type_name())
    _check_precision(actual, requested)
    reported = {key.lower(): _property(compiled, key) for key in _REPORTED}
    options: dict[str, str | int | bool] = {"performance_hint": "latency", "cache": requested.cache_dir is not None}
    options |= {} if actual is None else {"inference_precision": actual}
    return Execution(devices, options | {key: value for key, value in reported.items() if value is not None})


def last_line(error: BaseException) -> str:
    """What went wrong, without the places in OpenVINO's sources that the lines before name."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _property(compiled: Any, key: str) -> Any:
    try:
        return compiled.get_property(key)
    except RuntimeError:  # a device that has no such property
        return None


def _check_devices(devices: tuple[str, ...], *, asked: str) -> None:
    if asked.partition(":")[0] in _CHOOSERS:
        return
    if not devices or any(asked not in (device, device.partition(".")[0]) for device in devices):
        raise BackendError(
            f"asked OpenVINO for {asked}, but {', '.join(devices) or 'nothing'} would run: "
            "ask for AUTO to let it choose"
        )


def _check_precision(actual: str | None, requested: Requested) -> None:
    if requested.precision is not None and actual != requested.precision:
        raise BackendError(
            f"asked OpenVINO for {requested.precision}, but {requested.device} would compute in "
            f"{actual or 'what it does not tell'}: leave the precision out"
        )
