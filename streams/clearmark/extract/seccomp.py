"""A seccomp filter that leaves a process nothing but computing, and reading and writing what is open.

An allow-list: everything else (sockets, files, programs, processes, signals, tracing, keys, mounts, other processes'
memory) fails with EPERM, whatever a later kernel adds. Another machine's calling convention ends the process. Memory
can be had, but none that may be executed. seccomp(2), and linux/filter.h for the little machine that runs the filter.
"""

from __future__ import annotations

import ctypes
import os
import struct
from dataclasses import dataclass
from typing import Final

_NR, _ARCH = 0, 4
_ARGUMENTS: Final = 16
"""Where ``struct seccomp_data`` holds the call's number, the machine, and six arguments of 8 bytes."""
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
"""BPF: load a word, jump if equal, jump if any bit is set, return a constant."""
_ALLOW, _EPERM, _KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000
_PROT_EXEC: Final = 4
_SET_NO_NEW_PRIVS, _SET_SECCOMP, _MODE_FILTER = 38, 22, 2


@dataclass(frozen=True, slots=True)
class Machine:
    """A processor's audit number and its system calls.

    Attributes:
        free: calls that are allowed with any arguments.
        map: mmap and mprotect, allowed without PROT_EXEC in the third argument.
        limit: prlimit64, allowed on the own process (first argument 0) for RLIMIT_CPU (second argument 0).
    """

    audit: int
    free: tuple[int, ...]
    map: tuple[int, ...]
    limit: int


_FREE: Final = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "exit": (60, 93),
    "futex": (202, 98),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "exit_group": (231, 94),
    "getrandom": (318, 278),
}
"""Calls that are allowed with any arguments: numbers of x86_64 (asm/unistd_64.h) and aarch64 (asm-generic/unistd.h)."""
MACHINES: Final = {
    "x86_64": Machine(0xC000003E, tuple(x86 for x86, _ in _FREE.values()), (9, 10), 302),
    "aarch64": Machine(0xC00000B7, tuple(arm for _, arm in _FREE.values()), (222, 226), 261),
}
"""By the name that uname gives."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def no_new_privileges() -> bool:
    """Rule out that a set-user-id program gives rights back, for good; return whether Linux did so."""
    return _prctl(_SET_NO_NEW_PRIVS, 1)


def install() -> bool:
    """Apply the filter to this process, for good; return whether Linux did so. Needs `no_new_privileges`."""
    machine = MACHINES.get(os.uname().machine)
    if machine is None:
        return False
    code = program(machine)
    return _prctl(_SET_SECCOMP, _MODE_FILTER, ctypes.byref(_Program(len(code) // 8, code)))


def program(machine: Machine) -> bytes:
    """Return the filter as BPF instructions of 8 bytes."""
    code = [_step(_LOAD, _ARCH), _step(_EQUAL, machine.audit, yes=1), _step(_RETURN, _KILL), _step(_LOAD, _NR)]
    for number in machine.free:
        code += [_step(_EQUAL, number, no=1), _step(_RETURN, _ALLOW)]
    for number in machine.map:
        code += [_step(_EQUAL, number, no=4), _argument(2), _step(_ANY_BIT, _PROT_EXEC, yes=1), _step(_RETURN, _ALLOW)]
        code += [_step(_RETURN, _EPERM)]
    code += [_step(_EQUAL, machine.limit, no=5)]
    code += [_argument(0), _step(_EQUAL, 0, no=3), _argument(1), _step(_EQUAL, 0, no=1), _step(_RETURN, _ALLOW)]
    code += [_step(_RETURN, _EPERM)]
    return b"".join(code)


def _argument(index: int) -> bytes:
    """Load the lower half of an argument (little endian)."""
    return _step(_LOAD, _ARGUMENTS + 8 * index)


def _step(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """Return one instruction; ``yes`` and ``no`` are how many the jump skips."""
    return struct.pack("=HBBI", code, yes, no, value)


def _prctl(option: int, value: int, pointer: object = None) -> bool:
    prctl = ctypes.CDLL(None).prctl
    return int(prctl(option, ctypes.c_ulong(value), pointer, ctypes.c_ulong(0), ctypes.c_ulong(0))) == 0
