"""What a child that a file has taken over would try, really tried behind the sandbox, and without it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from clearmark.extract.limits import ExtractLimits
from clearmark.extract.picture import Picture
from clearmark.extract.pool import Extractor
from clearmark.extract.sandbox import MEMORY, PRIVILEGES, PROTECTIONS, SYSCALLS
from clearmark.screen.admit import Refusal
from tests.extract.forge import png

HEAD = """
import _thread, ctypes, mmap, os, resource, signal, socket, subprocess, sys, tempfile, time
from clearmark.extract import seccomp
from clearmark.extract.limits import ExtractLimits
from clearmark.extract.sandbox import allow_cpu, harden

def tell(text):
    os.write(1, (text + "\\n").encode())

libc = ctypes.CDLL(None, use_errno=True)

def call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)

pair = socket.socketpair()
parent = os.getppid()
scratch = os.open(tempfile.mkdtemp(), os.O_RDONLY)
"""
TRIES = {
    "socket": "socket.socket()",
    "unix socket": "socket.socket(socket.AF_UNIX)",
    "socket pair": "socket.socketpair()",
    "use a socket that is open": "pair[0].send(b'x')",
    "bind": "socket.socket().bind(('127.0.0.1', 0))",
    "run a program": "subprocess.run(['/bin/true'], check=True)",
    "become a program": "os.execv('/bin/true', ['true'])",
    "fork": "os.fork() or os._exit(0)",
    "start a thread": "_thread.start_new_thread(time.sleep, (0,))",
    "read a file": "os.open(sys.executable, os.O_RDONLY)",
    "write a file": "os.open('written', os.O_WRONLY | os.O_CREAT, dir_fd=scratch)",
    "make a folder": "os.mkdir('made', dir_fd=scratch)",
    "list a folder": "os.listdir('/')",
    "look at a file": "os.stat(sys.executable)",
    "anonymous file": "os.memfd_create('x')",
    "more descriptors": "os.dup(1)",
    "pipe": "os.pipe()",
    "signal its parent": "os.kill(parent, 0)",
    "trace": "call('ptrace', 0, 0, None, None)",
    "read its parent's memory": "call('process_vm_readv', parent, None, 0, None, 0, 0)",
    "new namespace": "call('unshare', 0x40000000)",
    "memory that can be executed": "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)",
    "raise its memory limit": "resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))",
    "limit its parent": "resource.prlimit(parent, resource.RLIMIT_CPU)",
    "change its name": "call('prctl', 15, b'sshd', 0, 0, 0)",
    "become root": "os.setuid(0)",
    "4 GiB": "bytearray(4 << 30)",
}
SELDOM = {"become a program", "trace", "new namespace", "become root", "4 GiB"}
"""What would end the process that tries it, or depends on the machine, when nothing stops it."""
HARDEN = "harden(ExtractLimits(cpu_s=1))"


def ran(body: str, harden: str = HARDEN) -> subprocess.CompletedProcess[str]:
    """Run statements in a process of their own, after hardening it."""
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-P", "-c", f"{HEAD}\nactive = {harden}\n{body}\nos._exit(0)\n"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def tried(names: set[str], harden: str = HARDEN) -> dict[str, str]:
    """Return for each try the exception that stopped it, or ``done``; all in one process."""
    body = f"""
for name, code in {[(name, code) for name, code in TRIES.items() if name in names]!r}:
    try:
        exec(code)
    except Exception as error:
        tell(f"{{name}}={{type(error).__name__}}")
    else:
        tell(f"{{name}}=done")
"""
    result = ran(body, harden)
    assert result.returncode == 0, result.stderr
    return dict(line.split("=", 1) for line in result.stdout.splitlines())


@pytest.fixture(scope="module")
def stopped() -> dict[str, str]:
    return tried(set(TRIES))


@pytest.mark.parametrize("name", TRIES)
def test_a_hardened_process_is_stopped(stopped: dict[str, str], name: str) -> None:
    known = {"4 GiB": "MemoryError", "start a thread": "RuntimeError", "raise its memory limit": "ValueError"}
    assert stopped[name] == known.get(name, "PermissionError")


def test_without_it_nothing_is_stopped() -> None:
    names = set(TRIES) - SELDOM
    assert tried(names, "frozenset()") == dict.fromkeys(names, "done")


def test_writing_to_a_file_that_is_open_fails() -> None:
    body = """
try:
    os.write(written, b"x")
except OSError as error:
    tell(type(error).__name__)
"""
    opened = "os.open('written', os.O_WRONLY | os.O_CREAT, dir_fd=scratch)"
    assert ran(body, f"(written := {opened}) and {HARDEN}").stdout == "OSError\n"


def test_an_endless_loop_is_ended_by_the_kernel() -> None:
    assert ran("while True: pass").returncode == -signal.SIGXCPU


def test_processor_time_is_granted_anew_for_each_item() -> None:
    body = """
for _ in range(3):
    allow_cpu(1)
    end = time.process_time() + 0.8
    while time.process_time() < end:
        pass
tell("ok")
"""
    assert ran(body).stdout == "ok\n"


AS_NOBODY = f"[os.geteuid() == 0 and os.setuid(65534), {HARDEN}][1]"
NO_FILTER = f"[seccomp.MACHINES.clear(), {HARDEN}][1]"
NO_LINUX = f"[setattr(sys, 'platform', 'darwin'), {HARDEN}][1]"
TELL = "tell(' '.join(sorted(active)))"


@pytest.mark.parametrize("harden", [HARDEN, AS_NOBODY])
def test_all_protections_are_active_whoever_starts_it(harden: str) -> None:
    assert set(ran(TELL, harden).stdout.split()) == PROTECTIONS


@pytest.mark.parametrize(("harden", "missing"), [(NO_FILTER, {SYSCALLS}), (NO_LINUX, {SYSCALLS, MEMORY, PRIVILEGES})])
def test_what_a_system_lacks_is_reported_and_the_rest_is_active(harden: str, missing: set[str]) -> None:
    assert set(ran(TELL, harden).stdout.split()) == PROTECTIONS - missing
    held = {
        "read a file",
        "write a file",
        "socket",
        "fork",
        "run a program",
        "become root",
        "raise its memory limit",
        "4 GiB",
    }
    assert "done" not in tried(held, harden).values()


def test_a_stricter_limit_that_is_there_already_stays() -> None:
    stricter = f"[resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)), {HARDEN}][1]"
    assert ran("tell(str(resource.getrlimit(resource.RLIMIT_AS)))", NO_FILTER.replace(HARDEN, stricter)).stdout == (
        f"({1 << 30}, {1 << 30})\n"
    )


def test_the_real_child_is_what_it_says() -> None:
    with Extractor() as running:
        assert running.protections == PROTECTIONS
        (pid,) = running.pids
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        limits = Path(f"/proc/{pid}/limits").read_text()
        descriptors = {int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    assert (status["Seccomp"], status["NoNewPrivs"], status["Threads"]) == ("2", "1", "1")
    assert int(status["CapEff"], 16) == 0
    assert "0" not in status["Uid"].split()
    for name in ("Max file size", "Max open files", "Max processes", "Max core file size"):
        assert [line.split()[-3:-1] for line in limits.splitlines() if line.startswith(name)] == [["0", "0"]]
    assert descriptors == {0, 1, 2}


def test_a_picture_beyond_the_memory_is_a_bomb_and_the_child_lives() -> None:
    with Extractor(ExtractLimits(memory_bytes=256 << 20)) as running:
        assert running.open(png(width=8000, height=8000), "image/png") == Refusal("decompression-bomb")
        assert isinstance(running.open(png(), "image/png"), Picture)
        assert running.lost == 0
