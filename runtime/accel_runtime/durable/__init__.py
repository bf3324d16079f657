"""All writing of files and folders (docs/design/0016-crash-safety.md): whole or not at all, whenever it is stopped.

files.py     one file
folders.py   one folder, with all in it
lines.py     one file that grows by lines
locks.py     one writer at a time
siblings.py  hidden names beside a target, and what killed processes left there
flock.py     locks of the kernel's
failure.py   what the system refuses, as one line
system.py    system calls that Python lacks
"""

from accel_runtime.durable.files import make_folder, remove_file, sweep, write_bytes, write_file
from accel_runtime.durable.folders import Replacing, put_aside, write_folder
from accel_runtime.durable.lines import append_lines, read_lines
from accel_runtime.durable.locks import PATIENCE_S, lock
from accel_runtime.durable.siblings import is_hidden_sibling

__all__ = [
    "PATIENCE_S",
    "Replacing",
    "append_lines",
    "is_hidden_sibling",
    "lock",
    "make_folder",
    "put_aside",
    "read_lines",
    "remove_file",
    "sweep",
    "write_bytes",
    "write_file",
    "write_folder",
]
