"""`accel doctor`: what is installed here, what of it really runs, and what to do about the rest.

probing.py   each provider tried in a process of its own
devices.py   processors and graphics cards, drivers, libraries
report.py    all of it as one value
"""

from accel_bench.doctor.devices import Device, read_devices
from accel_bench.doctor.probing import CANDIDATES, Finding
from accel_bench.doctor.report import Report, examine, make_report

__all__ = ["CANDIDATES", "Device", "Finding", "Report", "examine", "make_report", "read_devices"]
