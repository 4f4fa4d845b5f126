"""The filter's program, run step by step, for machines other than this one too."""

from __future__ import annotations

import struct

import pytest

from clearmark.extract.seccomp import MACHINES, Machine, program

ALLOW, EPERM, KILL = 0x7FFF0000, 0x00050001, 0x80000000
CALLS = {
    "x86_64": {
        "read": 0, "write": 1, "open": 2, "mmap": 9, "mprotect": 10, "socket": 41, "connect": 42, "sendto": 44,
        "bind": 49, "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "kill": 62, "ptrace": 101, "prctl": 157,
        "openat": 257, "prlimit64": 302, "process_vm_readv": 310, "memfd_create": 319, "execveat": 322,
        "io_uring_setup": 425, "clone3": 435,
    },
    "aarch64": {
        "read": 63, "write": 64, "openat": 56, "execve": 221, "mmap": 222, "mprotect": 226, "clone": 220, "kill": 129,
        "ptrace": 117, "prctl": 167, "socket": 198, "bind": 200, "connect": 203, "sendto": 206, "prlimit64": 261,
        "process_vm_readv": 270, "memfd_create": 279, "execveat": 281, "io_uring_setup": 425, "clone3": 435,
    },
}  # fmt: skip
CONDITIONAL = {"mmap", "mprotect", "prlimit64"}
COMPUTE = {"read", "write"}


def verdict(machine: Machine, number: int, *arguments: int, audit: int | None = None) -> int:
    """Run the program on one call, as the kernel would."""
    data = struct.pack("=IIQ6Q", number, machine.audit if audit is None else audit, 0, *(*arguments, *[0] * 6)[:6])
    steps = list(struct.iter_unpack("=HBBI", program(machine)))
    at = word = 0
    while True:
        code, yes, no, value = steps[at]
        at += 1
        match code:
            case 0x20:
                (word,) = struct.unpack_from("=I", data, value)
            case 0x15:
                at += yes if word == value else no
            case 0x45:
                at += yes if word & value else no
            case 0x06:
                return int(value)
            case _:
                raise AssertionError(code)


CASES = [(name, call) for name in CALLS for call in CALLS[name]]


@pytest.mark.parametrize(("name", "call"), [case for case in CASES if case[1] not in CONDITIONAL])
def test_only_computing_is_allowed(name: str, call: str) -> None:
    assert verdict(MACHINES[name], CALLS[name][call]) == (ALLOW if call in COMPUTE else EPERM)


@pytest.mark.parametrize("name", CALLS)
def test_memory_is_allowed_unless_it_can_be_executed(name: str) -> None:
    for call in ("mmap", "mprotect"):
        for protection, expected in ((0, ALLOW), (3, ALLOW), (4, EPERM), (7, EPERM), (5 | 1 << 40, EPERM)):
            assert verdict(MACHINES[name], CALLS[name][call], 0, 4096, protection) == expected


@pytest.mark.parametrize("name", CALLS)
def test_only_its_own_processor_time_can_be_limited(name: str) -> None:
    limit = CALLS[name]["prlimit64"]
    assert verdict(MACHINES[name], limit, 0, 0) == ALLOW
    assert verdict(MACHINES[name], limit, 0, 9) == EPERM
    assert verdict(MACHINES[name], limit, 1, 0) == EPERM


@pytest.mark.parametrize("name", CALLS)
def test_another_calling_convention_is_killed(name: str) -> None:
    assert verdict(MACHINES[name], 0, audit=0x40000003) == KILL
    assert verdict(MACHINES[name], 0x40000000 | CALLS[name]["socket"]) == EPERM
