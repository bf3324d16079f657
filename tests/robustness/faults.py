"""Work that is stopped at its n-th system call that changes the disk: killed, or told that the disk is full.

The work runs in a copy of this process (a fork), which is traced by the kernel's own means (ptrace): what is stopped
are real system calls, whoever makes them, and the process is really gone. Threads that the work starts are not traced.
"""

import ctypes
import errno
import os
import platform
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final, Literal

import pytest

from accel_runtime.errors import AccelError

How = Literal["kill", "full"]
Work = Callable[[], object]

_TRACEME, _KILL_WITH_US, _SYSCALL, _GETREGS, _SETREGS, _SETOPTIONS = 0, 0x100000, 24, 12, 13, 0x4200
_GOOD: Final = 1  # stops at system calls are told from signals by a bit
_SYSCALL_STOP: Final = signal.SIGTRAP | 0x80
_NAMES: Final = {
    1: "write",
    2: "open",
    18: "write",
    20: "write",
    40: "write",
    74: "fsync",
    75: "fsync",
    77: "truncate",
    82: "rename",
    83: "mkdir",
    84: "rmdir",
    86: "link",
    87: "unlink",
    88: "symlink",
    257: "open",
    258: "mkdir",
    263: "unlink",
    264: "rename",
    265: "link",
    266: "symlink",
    316: "rename",
    326: "write",
}
_OPENAT, _RENAMEAT2 = 257, 316
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
# These take no room on a disk.
_NEVER_FULL: Final = {"unlink", "rmdir", "truncate"}
_STREAMS: Final = (0, 1, 2)
_REFUSED: Final = 3

needs_tracing = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="system calls are stopped on Linux on x86-64 only"
)


class _Registers(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_ulonglong)
        for name in (
            *("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi"),
            *("orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs"),
        )
    )


@dataclass(frozen=True, slots=True)
class Ended:
    """How work ended.

    Attributes:
        calls: The names of its calls that change the disk, up to the one that was stopped.
        stopped: Whether it came to the call that was to be stopped.
        refusal: The error of ours that it ended with.
    """

    calls: tuple[str, ...]
    stopped: bool
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong.

    Attributes:
        stop_at: The number of the call that is stopped, from 0; None stops none.
        how: `kill` ends the process before the call. With `full` the call fails for want of room, and so do all later
            ones that take some.
        old_kernel: Whether the system cannot exchange two folders.
    """

    stop_at: int | None = None
    how: How = "kill"
    old_kernel: bool = False


def run(work: Work, fault: Fault = Fault()) -> Ended:  # frozen
    """Do ``work`` in a copy of this process; any exception of it that is no `AccelError` fails the test."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _be_traced(work, writer)
    os.close(writer)
    with os.fdopen(reader, "r") as told:
        calls, code = _Tracer(child, fault, ignored=(*_STREAMS, writer)).follow()
        said = told.read()
    assert code in (0, _REFUSED, -signal.SIGKILL), said
    return Ended(calls, fault.stop_at is not None and len(calls) > fault.stop_at, said)


def until_unstopped(work: Callable[[Fault], Ended], fault: Fault) -> Iterator[Ended]:
    """Do ``work`` anew for each of its calls, stopped at the first, the second …; the last time it is not stopped."""
    for number in count():
        ended = work(replace(fault, stop_at=number))
        yield ended
        if not ended.stopped:
            assert not ended.refusal, ended.refusal
            return


def _be_traced(work: Work, writer: int) -> None:
    code = 1
    try:
        _ptrace(_TRACEME, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        work()
        code = 0
    except AccelError as error:
        os.write(writer, str(error).encode())
        code = _REFUSED
    except BaseException:  # noqa: BLE001  # told to the parent, which fails
        os.write(writer, traceback.format_exc().encode())
    finally:
        os._exit(code)


class _Tracer:
    """Follows a child from system call to system call."""

    def __init__(self, child: int, fault: Fault, *, ignored: tuple[int, ...]) -> None:
        self._child, self._fault, self._ignored = child, fault, ignored
        self._calls: list[str] = []

    def follow(self) -> tuple[tuple[str, ...], int]:
        """The names of all calls, and the exit code."""
        _, status = os.waitpid(self._child, 0)
        _ptrace(_SETOPTIONS, self._child, _GOOD | _KILL_WITH_US)
        is_entry, deliver = True, 0
        while True:
            with suppress(ProcessLookupError):  # killed by us
                _ptrace(_SYSCALL, self._child, deliver)
            _, status = os.waitpid(self._child, 0)
            deliver = 0
            if not os.WIFSTOPPED(status):
                return tuple(self._calls), os.waitstatus_to_exitcode(status)
            if os.WSTOPSIG(status) == signal.SIGTRAP:  # work that becomes another program
                continue
            if os.WSTOPSIG(status) != _SYSCALL_STOP:
                deliver = os.WSTOPSIG(status)
            elif not is_entry:
                is_entry = True
            else:
                is_entry = self._enter()

    def _enter(self) -> bool:
        """At the entry of a call; whether the next stop is an entry again."""
        registers = _registers(self._child)
        name = self._name(registers)
        if name is None:
            return False
        if registers.orig_rax == _RENAMEAT2 and self._fault.old_kernel:
            return self._refuse(registers, errno.ENOSYS)
        number, stop_at = len(self._calls), self._fault.stop_at
        self._calls.append(name)
        if stop_at is None or number < stop_at:
            return False
        if self._fault.how == "kill":
            os.kill(self._child, signal.SIGKILL)
            return True
        if name in _NEVER_FULL or (number > stop_at and name in ("rename", "fsync")):
            return False
        return self._refuse(registers, errno.ENOSPC)

    def _refuse(self, registers: _Registers, code: int) -> bool:
        """Let the call fail instead of being made."""
        asked = registers.orig_rax
        registers.orig_rax = ctypes.c_ulonglong(-1).value
        _set_registers(self._child, registers)
        _ptrace(_SYSCALL, self._child, 0)
        os.waitpid(self._child, 0)
        registers = _registers(self._child)
        registers.orig_rax, registers.rax = asked, ctypes.c_ulonglong(-code).value
        _set_registers(self._child, registers)
        return True

    def _name(self, registers: _Registers) -> str | None:
        name = _NAMES.get(registers.orig_rax)
        if name == "open":
            flags = registers.rdx if registers.orig_rax == _OPENAT else registers.rsi
            return "open" if flags & _WRITING else None
        return None if name == "write" and registers.rdi in self._ignored else name


def _registers(child: int) -> _Registers:
    found = _Registers()
    _ptrace(_GETREGS, child, ctypes.addressof(found))
    return found


def _set_registers(child: int, registers: _Registers) -> None:
    _ptrace(_SETREGS, child, ctypes.addressof(registers))


def _ptrace(request: int, child: int, data: int) -> None:
    call: Any = ctypes.CDLL(None, use_errno=True).ptrace
    call.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    call.restype = ctypes.c_long
    if call(request, child, None, data) == -1:
        raise OSError(ctypes.get_errno(), f"ptrace request {request}")
