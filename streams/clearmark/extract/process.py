"""One sandboxed child as its parent sees it: started, asked, and killed, never waited for without end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

import numpy as np

from clearmark.errors import Retry
from clearmark.extract import answer, wire
from clearmark.extract.pipes import Pipes
from clearmark.extract.sniff import FORMATS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clearmark.extract.limits import ExtractLimits
    from clearmark.extract.picture import Picture
    from clearmark.screen.admit import Refusal

COMMAND: Final = (sys.executable, "-P", "-m", "clearmark.extract.child")
_END_S: Final = 10.0
_ENVIRONMENT: Final = {
    "OPENBLAS_NUM_THREADS": "1",  # numpy's threads would take address space, and could not be started later
    "MALLOC_MMAP_THRESHOLD_": str(8 << 20),  # glibc: keep the memory of usual pictures from one to the next
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
}
"""All that a child sees of the environment, beside where to import from."""
_JSON_BYTES: Final = 1 << 16
"""Most of an answer's JSON beside metadata, which grows up to sixfold when it is escaped."""
_MEDIA_TYPES: Final = tuple(FORMATS)


class Loss(Enum):
    """Why a child gave no answer."""

    CRASHED = auto()
    LATE = auto()


class Child:
    """A process that decodes; it is started when it is first needed, and again after a loss.

    Args:
        limits: what one item may cost.
        command: starts the child; the limits follow as JSON.
    """

    def __init__(self, limits: ExtractLimits, command: Sequence[str] = COMMAND) -> None:
        self._limits = limits
        self._command = [*command, json.dumps(asdict(limits))]
        self._process: subprocess.Popen[bytes] | None = None
        self.protections: frozenset[str] = frozenset()

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process unless it runs, and wait until it is hardened.

        Raises:
            Retry: it cannot be started, or does not report itself in time.
        """
        if self._process:
            return
        try:
            self._process = process = self._launch()
            assert process.stdin
            assert process.stdout
            self._pipes = Pipes(process.stdin.fileno(), process.stdout.fileno())
            _, text, _ = self._head(time.monotonic() + self._limits.start_s)
            self.protections = answer.hello(text)
        except (OSError, EOFError, ValueError) as error:
            self.stop()
            remedy = "run the command by hand to see why" if isinstance(error, EOFError) else ""
            raise Retry(f"the decoder's process does not start ({type(error).__name__})", remedy=remedy) from None

    def ask(self, data: bytes, content_type: str, longest: int) -> Picture | Refusal | Loss:
        """Return the child's answer to one file; after a loss the process is gone.

        Raises:
            Retry: it has to be started and cannot be.
        """
        self.start()
        deadline = time.monotonic() + self._limits.wall_s
        head = wire.REQUEST.pack(_MEDIA_TYPES.index(content_type), longest, len(data))
        try:
            self._pipes.send([head, data], deadline)
            return self._answer(content_type, longest, deadline)
        except TimeoutError:
            self.stop()
            return Loss.LATE
        except (EOFError, BrokenPipeError, ValueError):
            return Loss.LATE if self.stop() == -signal.SIGXCPU else Loss.CRASHED
        except BaseException:
            self.stop()  # an answer may still come, and must not be taken for the next one's
            raise

    def stop(self) -> int | None:
        """Kill the process and return what it ended with, which is its own if it was ending already.

        Raises:
            Retry: the kernel does not end it.
        """
        process, self._process = self._process, None
        if process is None:
            return None
        process.kill()
        for pipe in (process.stdin, process.stdout):
            assert pipe
            pipe.close()
        try:
            return process.wait(_END_S)
        except subprocess.TimeoutExpired:
            raise Retry(f"the decoder's process {process.pid} does not end") from None

    def _launch(self) -> subprocess.Popen[bytes]:
        environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **_ENVIRONMENT}
        return subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=environment,
            start_new_session=True,
        )

    def _head(self, deadline: float) -> tuple[int, bytes, int]:
        """Return kind, JSON and the size of the pixels that follow."""
        kind, size, pixels = wire.ANSWER.unpack(self._pipes.receive(wire.ANSWER.size, deadline))
        if size > _JSON_BYTES + 6 * self._limits.metadata_bytes:
            raise ValueError("too much metadata")
        return kind, self._pipes.receive(size, deadline), pixels

    def _answer(self, content_type: str, longest: int, deadline: float) -> Picture | Refusal:
        kind, text, size = self._head(deadline)
        if kind == wire.Kind.REFUSAL and not size:
            return answer.refusal(text)
        if kind != wire.Kind.PICTURE:
            raise ValueError("no answer")
        described = answer.describe(text, FORMATS[content_type], longest, self._limits)
        pixels = np.empty(described.shape, np.uint8)
        if size != pixels.nbytes:
            raise ValueError("pixels of another size")
        self._pipes.fill(pixels.data.cast("B"), deadline)
        return described.picture(pixels)
