"""Give up, for good, what a decoder does not need. Called in the child when all that it needs is loaded and open."""

from __future__ import annotations

import os
import resource
import sys
import time
from typing import TYPE_CHECKING, Final

from clearmark.extract import seccomp

if TYPE_CHECKING:
    from clearmark.extract.limits import ExtractLimits

MEMORY: Final = "memory"
CPU: Final = "cpu"
FILES: Final = "files"
PROCESSES: Final = "processes"
USER: Final = "user"
PRIVILEGES: Final = "privileges"
SYSCALLS: Final = "syscalls"
PROTECTIONS: Final = frozenset({MEMORY, CPU, FILES, PROCESSES, USER, PRIVILEGES, SYSCALLS})
"""What can be active: address space and processor time limited; no file opened or grown; no process started; not root;
no new privileges; and, on Linux, no system call but a few (no network, no files, no programs)."""
_NOBODY: Final = 65534


def harden(limits: ExtractLimits) -> frozenset[str]:
    """Restrict this process as far as its system allows, and return what is active.

    What the system lacks or refuses is left out of the result, and the process goes on: the parent decides.
    """
    linux = sys.platform == "linux"
    active = {
        USER: _leave_root(),
        MEMORY: _limit(resource.RLIMIT_AS, limits.memory_bytes) and linux,  # elsewhere accepted, not enforced
        FILES: all(map(_none, (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_CORE))),
        PROCESSES: _none(resource.RLIMIT_NPROC) and os.geteuid() != 0,  # root's are not counted
        CPU: allow_cpu(limits.cpu_s),
        PRIVILEGES: linux and seccomp.no_new_privileges(),
        SYSCALLS: linux and seccomp.install(),
    }
    return frozenset(name for name, done in active.items() if done)


def allow_cpu(seconds: int) -> bool:
    """Let this process use so much more processor time, then SIGXCPU ends it; return whether that is so."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    return _limit(resource.RLIMIT_CPU, int(time.process_time()) + 1 + seconds, hard)


def _none(kind: int) -> bool:
    return _limit(kind, 0)


def _limit(kind: int, value: int, hard: int | None = None) -> bool:
    """Set a limit, or leave a stricter one that is there already; return whether one holds."""
    ceiling = resource.getrlimit(kind)[1]
    wanted = value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)
    try:
        resource.setrlimit(kind, (wanted, wanted if hard is None else hard))
    except (OSError, ValueError):
        return False
    return True


def _leave_root() -> bool:
    """Become nobody where this process is root; return whether it is not root now."""
    if os.geteuid() != 0:
        return True
    try:
        os.setgroups([])
        os.setregid(_NOBODY, _NOBODY)
        os.setreuid(_NOBODY, _NOBODY)
    except OSError:
        return False
    return True
