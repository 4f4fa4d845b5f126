"""Both pipes of a child, in the parent: whole messages, and never past a deadline of `time.monotonic`."""

from __future__ import annotations

import fcntl
import os
import select
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_BYTES: Final = 1 << 20
"""Room in a pipe, where it can be had: fewer turns between the processes for a picture of 512 pixels."""


class Pipes:
    """Sends to and receives from one child.

    Args:
        to_child: descriptor to write to.
        from_child: descriptor to read from.
    """

    def __init__(self, to_child: int, from_child: int) -> None:
        self._out, self._in = to_child, from_child
        self._writable, self._readable = select.poll(), select.poll()
        self._writable.register(to_child, select.POLLOUT)
        self._readable.register(from_child, select.POLLIN)
        for descriptor in (to_child, from_child):
            os.set_blocking(descriptor, False)
            with suppress(AttributeError, OSError):  # not on Linux, or the user has no more: only slower
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _BYTES)

    def send(self, parts: Sequence[bytes], deadline: float) -> None:
        """Write all parts.

        Raises:
            TimeoutError: the child does not read in time.
            BrokenPipeError: it is gone.
        """
        for part in parts:
            left = memoryview(part)
            while left:
                try:
                    left = left[os.write(self._out, left) :]
                except BlockingIOError:
                    _wait(self._writable, deadline)

    def receive(self, size: int, deadline: float) -> bytes:
        """Return so many bytes; raises as `fill`."""
        message = bytearray(size)
        self.fill(memoryview(message), deadline)
        return bytes(message)

    def fill(self, buffer: memoryview, deadline: float) -> None:
        """Read until the buffer is full.

        Raises:
            TimeoutError: the child does not write in time.
            EOFError: it is gone.
        """
        while buffer:
            try:
                count = os.readv(self._in, [buffer])
            except BlockingIOError:
                _wait(self._readable, deadline)
                continue
            if not count:
                raise EOFError
            buffer = buffer[count:]
            if time.monotonic() > deadline:
                raise TimeoutError


def _wait(event: select.poll, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0 or not event.poll(left * 1000):
        raise TimeoutError
