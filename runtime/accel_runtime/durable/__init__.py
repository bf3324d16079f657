"""All writing of files and folders (docs/design/0016-crash-safety.md): whole or not at all, whenever it is stopped.

files.py     one file
siblings.py  hidden names beside a target, and what killed processes left there
flock.py     locks of the kernel's
failure.py   what the system refuses, as one line
system.py    system calls that Python lacks
"""

from accel_runtime.durable.files import write_bytes, write_file

__all__ = ["write_bytes", "write_file"]
