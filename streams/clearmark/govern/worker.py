"""Runs govern as a worker like the others: until told to stop, or until it cannot go on."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING, Any, Final

from clearmark.errors import Stop
from clearmark.govern.app import build

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from threading import Event

    from clearmark.govern.app import App
    from clearmark.govern.rules import ConductRule
    from clearmark.topology import Topology

EXIT: Final = 70
"""Status of a process that ended at once, in an agent."""

_LIBRARIES: Final = (
    "faust",
    "mode",
    "aiokafka",
    *(f"clearmark.govern.{name}" for name in ("app", "shelf", "transport")),
)
"""Whose loggers tell of each start and stop: mode names them by the module of the class."""

_TICK_S: Final = 0.1
_GRACE_S: Final = 10.0
_SELDOM_S: Final = 10.0


def end_process() -> None:
    """End the process at once: nothing that is under way counts as done, and a supervisor starts it again."""
    logging.shutdown()
    os._exit(EXIT)


class GovernWorker:
    """Runs the Faust application in the thread that calls `run`.

    Args:
        settings: librdkafka properties of a group member.
        topology: names the topics.
        rules: the policy's conduct rules.
        count: see `clearmark.govern.governor.Governor`.
        end: ends the process at once when an agent fails.
        clock: seconds from a monotonic clock.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        topology: Topology,
        rules: Sequence[ConductRule],
        count: Callable[[str, int], None] = lambda *_: None,
        end: Callable[[], None] = end_process,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._topology, self._rules = settings, topology, rules
        self._count, self._end, self._clock = count, end, clock
        self.polled_at = 0.0

    def run(self, stop: Event) -> None:
        """Govern until ``stop`` is set; what was processed by then is committed.

        Raises:
            Stop: Faust cannot go on, or a security property has no counterpart in it.
        """
        for name in _LIBRARIES:
            logging.getLogger(name).setLevel(logging.WARNING)
        seldom = _Seldom(self._clock)
        for handler in logging.getLogger().handlers:
            handler.addFilter(seldom)
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        loop.run_until_complete(self._run(stop))
        # Only after an orderly end: what hangs would hang here too.
        loop.close()

    def _polled(self) -> None:
        self.polled_at = self._clock()

    async def _run(self, stop: Event) -> None:
        app = build(self._settings, self._topology, self._rules, on_poll=self._polled, count=self._count, end=self._end)
        starting = asyncio.create_task(app.start())
        try:
            while not stop.is_set():
                _check(app, starting)
                await asyncio.sleep(_TICK_S)
        except Exception as error:
            if isinstance(error, Stop):
                raise
            reason = f"govern cannot go on: {type(error).__name__}"
            raise Stop(reason, remedy="look at the brokers; a restart takes up where this ended") from error
        stopping = asyncio.create_task(app.stop())
        if not (await asyncio.wait({stopping}, timeout=_GRACE_S))[0]:  # it would not let itself be cancelled
            raise Stop("govern did not stop in time", remedy="nothing is lost: a restart takes up where this ended")
        stopping.result()
        if left := asyncio.all_tasks() - {asyncio.current_task()}:  # such as a start that was under way
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=_GRACE_S)


class _Seldom(logging.Filter):
    """Lets aiokafka say each thing once in a while: without a broker it repeats itself a thousand times a second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is written."""
        if not record.name.startswith("aiokafka"):
            return True
        what, now = str(record.msg), self._clock()
        if now - self._said.get(what, -_SELDOM_S) < _SELDOM_S:
            return False
        self._said[what] = now
        return True


def _check(app: App, starting: asyncio.Task[None]) -> None:
    """Raise what has ended the application, if anything has."""
    if starting.done():
        starting.result()
    if app.crash_reason is not None:
        raise app.crash_reason
