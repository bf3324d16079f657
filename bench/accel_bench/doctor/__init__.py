"""`accel doctor`: what is installed here, what of it really runs, and what to do about the rest.

probing.py   each provider tried in a process of its own
devices.py   processors and graphics cards, drivers, libraries
measuring.py peaks of the processor, by timing
peaks.py     what was measured, kept for benchmarks
report.py    all of it as one value
"""

from accel_bench.doctor.devices import Device, read_devices
from accel_bench.doctor.measuring import WARM_UPS, measure_peaks
from accel_bench.doctor.peaks import MeasuredPeaks, Timed, find_peaks, keep_peaks
from accel_bench.doctor.probing import CANDIDATES, Finding
from accel_bench.doctor.report import Report, examine, make_report

__all__ = [
    "CANDIDATES",
    "WARM_UPS",
    "Device",
    "Finding",
    "MeasuredPeaks",
    "Report",
    "Timed",
    "examine",
    "find_peaks",
    "keep_peaks",
    "make_report",
    "measure_peaks",
    "read_devices",
]
