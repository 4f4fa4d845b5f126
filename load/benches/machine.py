"""The machine that a benchmark runs on: what it is, which cores are used, and ratios of what was measured on it."""

from __future__ import annotations

import multiprocessing
import os
import platform
import statistics
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

T = TypeVar("T")

_LIMIT_S = 900.0
QUIET = {"log_level": 0}
"""Of every Kafka client here."""


class Speed(NamedTuple):
    """Artifacts a second by the clock, and processor seconds of each."""

    per_second: float
    processor_s: float


def describe() -> str:
    """Return one line on the machine and how busy it is: on a busy one only ratios mean anything."""
    cpus = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in cpus.read_text().splitlines() if line.startswith("model name")]
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    name = names[0] if names else platform.machine()
    return f"{os.cpu_count()} cores ({name}), load average {load}, Python {platform.python_version()}"


def one_core() -> set[int]:
    """Return the core that is compared on."""
    return {min(os.sched_getaffinity(0))}


def other_cores() -> set[int]:
    """Return the cores left for the broker, the publisher and the reader; the same one where there is no other."""
    return os.sched_getaffinity(0) - one_core() or one_core()


@contextmanager
def bound(cores: set[int]) -> Iterator[None]:
    """Bind this thread, and what it starts, threads and processes, to some cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def moved(pid: int, cores: set[int]) -> Iterator[None]:
    """Bind all threads of a running process to some cores meanwhile."""
    before = os.sched_getaffinity(pid)
    move(pid, cores)
    try:
        yield
    finally:
        move(pid, before)


def move(pid: int, cores: set[int]) -> None:
    """Bind all threads of a running process to some cores from now on."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError):  # a thread that has ended since
            os.sched_setaffinity(int(task.name), cores)


def processor_s(pid: int) -> float:
    """Return the processor seconds that a process and its living descendants have used, to a hundredth."""
    children: dict[int, list[int]] = {}
    used: dict[int, float] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended since
            fields = status.read_text().rpartition(")")[2].split()
            one = int(status.parent.name)
            children.setdefault(int(fields[1]), []).append(one)
            used[one] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    total, left = 0.0, [pid]
    while left:
        one = left.pop()
        total += used.get(one, 0.0)
        left += children.get(one, [])
    return total


def apart(function: Callable[..., T], *arguments: object) -> T:
    """Return what a function returns in a fresh process, on the cores that this thread is bound to.

    Raises:
        TimeoutError: it has not returned within a quarter of an hour; the process is ended.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply_async(function, arguments).get(_LIMIT_S)


def medians(pairs: Iterable[tuple[float, float]]) -> tuple[float, float, float]:
    """Return the median of the first, of the second, and of each pair's ratio: one run's noise hits both of a pair."""
    first, second = zip(*pairs, strict=True)
    ratios = [a / b for a, b in zip(first, second, strict=True)]
    return statistics.median(first), statistics.median(second), statistics.median(ratios)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that a share of all lies below."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
