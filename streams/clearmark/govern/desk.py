"""What a person does about a user's standing: look at it, and lift it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from clearmark.errors import Reject
from clearmark.govern.sift import LIFT
from clearmark.operate.desk import Change
from clearmark.operate.moments import rfc3339
from clearmark.schemas import events
from clearmark.topology import Topic

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearmark.kafka.tail import Tail
    from clearmark.operate.desk import StateDesk
    from clearmark.schemas.events import Standing
    from clearmark.topology import Topology

SHOWN_S: Final = 30.0
"""Seconds that a lift is waited for."""

_PAUSE_S: Final = 0.2


class StandingDesk:
    """Reads the standing topic from where it was last read.

    Args:
        tail: reads topics.
        topology: names the topics.
        desk: given a reviewer and a clock, returns the desk that writes their changes.
        now: the time, with its zone.
        sleep: waits so many seconds.
        clock: seconds from a monotonic clock.
    """

    def __init__(
        self,
        tail: Tail,
        topology: Topology,
        desk: Callable[[str, Callable[[], datetime]], StateDesk],
        now: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tail, self._topology, self._desk = tail, topology, desk
        self._now, self._sleep, self._clock = now, sleep, clock
        self._latest: dict[bytes, bytes | None] = {}

    def standing(self, user: str) -> Standing | None:
        """Return the last record of a user (a digest), or None; it may have run out.

        Raises:
            Retry: the cluster does not answer.
        """
        for record in self._tail.read(self._tail.committed_ends([self._topology.name(Topic.STANDING)])):
            if record.key == user.encode():
                self._latest[record.key] = record.value
        value = self._latest.get(user.encode())
        return events.load(events.Standing, value) if value is not None else None

    def lift(self, user: str, reviewer: str, reason: str) -> Standing | None:
        """End a user's standing and forgive what came before, by an audit record that govern follows.

        Returns:
            the standing that govern wrote, or None when it has not done so within `SHOWN_S`.

        Raises:
            Reject: there is nothing to lift.
            Retry: the cluster does not answer.
            Stop: the cluster refuses.
        """
        standing = self.standing(user)
        if standing is None or standing.level == "good":
            raise Reject("nothing-to-lift", "the user is in good standing: there is nothing to lift")
        # A clock that is behind the brokers' must not let a lift come before what it lifts.
        at = max(self._now(), datetime.fromisoformat(standing.at) + timedelta(milliseconds=1))
        self._desk(reviewer, lambda: at).write([Change(LIFT, user, reason)])
        deadline = self._clock() + SHOWN_S
        while self._clock() < deadline:
            found = self.standing(user)
            if found is not None and found.at >= rfc3339(at):
                return found
            self._sleep(_PAUSE_S)
        return None
