"""Runs workers as child processes: one line an event, restarts with back-off, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from clearmark.errors import Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_BACKOFF_S: Final = (0.5, 30.0)
_STEADY_S: Final = 60.0
"""A worker that ran so long had no trouble starting: its next restart is immediate again."""
_CHECK_S: Final = 5.0
_SILENT_S: Final = 30.0
"""A worker that does not say for so long that it is healthy is killed and started again."""


@dataclass(slots=True)
class Child:
    """One supervised worker. ``arguments`` are those of the ``clearmark`` command."""

    name: str
    arguments: tuple[str, ...]
    port: int
    process: subprocess.Popen[str] | None = None
    pid: int = 0
    started: float = 0.0
    failures: int = 0
    not_before: float = 0.0
    announced: bool = field(default=False)
    checked: float = 0.0
    healthy: float = 0.0


class Supervisor:
    """Keeps children running until it is closed.

    The children end when this process does, however it does: each runs under `clearmark.kafka.guard`.

    Args:
        folder: where each child's log goes.
        environment: the children's environment.
        say: told each event, one line.
        clock: seconds from a monotonic clock.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._environment, self._say, self._clock = folder, dict(environment), say, clock
        self.children: list[Child] = []

    def add(self, name: str, arguments: tuple[str, ...], port: int) -> None:
        """Start a child and keep it running."""
        child = Child(name, arguments, port)
        self.children.append(child)
        self._start(child)

    def tend(self) -> None:
        """Restart what has ended and announce what has become ready; call it often."""
        now = self._clock()
        for child in self.children:
            if child.process is None:
                if now >= child.not_before:
                    self._start(child)
            elif (status := child.process.poll()) is not None:
                self._ended(child, status, now)
            elif not child.announced and answers(child.port, "/readyz"):
                child.announced = True
                child.healthy = now
                self._say(f"{child.name} is ready (pid {child.pid}, http://127.0.0.1:{child.port}/metrics)")
            elif child.announced and now - child.checked > _CHECK_S:
                self._check(child, now)

    def _check(self, child: Child, now: float) -> None:
        """Kill a worker that hangs: the next round starts it again."""
        child.checked = now
        if answers(child.port, "/healthz"):
            child.healthy = now
        elif now - child.healthy > _SILENT_S:
            self._say(f"{child.name} has not been healthy for {now - child.healthy:.0f} s: it is killed")
            child.healthy = now
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)

    @property
    def ready(self) -> bool:
        """Whether every child has been ready since it started."""
        return all(child.announced for child in self.children)

    def give_up(self, failures: int) -> None:
        """End rather than wait for a child that has failed so often.

        Raises:
            Stop: names the child and its log.
        """
        for child in self.children:
            if child.failures >= failures:
                log = self._folder / f"{child.name}.log"
                raise Stop(f"{child.name} does not start", remedy=f"its log says why: {log}")

    def close(self) -> None:
        """End every child: SIGTERM, and SIGKILL ten seconds later."""
        running = [child for child in self.children if child.process is not None]
        for child in running:
            assert child.process is not None
            assert child.process.stdin is not None
            child.process.stdin.close()
        for child in running:
            assert child.process is not None
            status = child.process.wait()
            if child.process.stdout is not None:
                child.process.stdout.close()
            self._say(f"{child.name} ended" + (f" with status {status}" if status else ""))
        self.children.clear()

    def _start(self, child: Child) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "clearmark.kafka.guard", sys.executable, "-m", "clearmark.cli"]
        with (self._folder / f"{child.name}.log").open("a") as log:
            child.process = subprocess.Popen(
                [*command, *child.arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self._environment,
                start_new_session=True,  # Ctrl-C is for the supervisor: it ends the children in order
            )
        assert child.process.stdout is not None
        child.pid = int(child.process.stdout.readline())
        child.started, child.announced = self._clock(), False
        self._say(f"{child.name} starts (pid {child.pid})")

    def _ended(self, child: Child, status: int, now: float) -> None:
        assert child.process is not None
        for stream in (child.process.stdin, child.process.stdout):
            if stream is not None:
                stream.close()
        child.process = None
        child.failures = 1 if now - child.started > _STEADY_S else child.failures + 1
        wait = min(_BACKOFF_S[1], _BACKOFF_S[0] * 2.0 ** (child.failures - 1))
        child.not_before = now + wait
        log = self._folder / f"{child.name}.log"
        self._say(f"{child.name} ended with status {status}; it starts again in {wait:g} s (see {log})")


def answers(port: int, path: str) -> bool:
    """Return whether the worker on this loopback port answers with 200."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004
    except (urllib.error.URLError, OSError):
        return False
