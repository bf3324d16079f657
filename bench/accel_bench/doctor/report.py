"""The findings of `accel doctor`, as one value."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from accel_bench.doctor.devices import Device, read_devices
from accel_bench.doctor.peaks import MeasuredPeaks, find_peaks
from accel_bench.doctor.probing import Finding, probe_apart
from accel_bench.records.environment import Environment, read_environment


class Report(msgspec.Struct, frozen=True):
    """What is installed here, what runs, and why the rest does not.

    Attributes:
        environment: Machine and packages.
        devices: Processors and graphics cards.
        providers: A finding for each provider that was tried.
        peaks: Peaks of the processor that benchmarks here find; None where nobody measured them.
    """

    environment: Environment
    devices: tuple[Device, ...]
    providers: tuple[Finding, ...]
    peaks: MeasuredPeaks | None = None


def examine(candidates: Sequence[str], bundle: Path | None = None) -> Iterator[Finding]:
    """Try every candidate, also on the bundle if there is one, and yield each finding; without one it takes seconds."""
    for name in candidates:
        yield probe_apart(name, bundle)


def make_report(findings: Sequence[Finding], *, threads: int | None = None) -> Report:
    """Findings together with this machine, its devices, and its peaks with so many threads, by default all."""
    here = read_environment()
    peaks = find_peaks(here, here.cores if threads is None else threads)
    return Report(here, read_devices(), tuple(findings), peaks=peaks)
