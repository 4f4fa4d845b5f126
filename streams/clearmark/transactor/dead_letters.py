"""Stop rather than dead-letter everything."""

from __future__ import annotations

from collections import deque

from clearmark.errors import Stop


class DeadLetterLimit:
    """Counts internal dead letters among the last records; uploads that are merely bad never count.

    Args:
        limit: most internal dead letters that are tolerated within the window.
        window: records looked back on.
    """

    def __init__(self, limit: int, window: int) -> None:
        self._limit = limit
        self._window = window
        self._seen = 0
        self._at: deque[int] = deque()

    def count(self, records: int, internal: int) -> None:
        """Take a batch into account.

        Raises:
            Stop: there were more internal dead letters than the limit allows; the batch must not be committed.
        """
        self._seen += records
        self._at.extend([self._seen] * internal)
        while self._at and self._at[0] <= self._seen - self._window:
            self._at.popleft()
        if len(self._at) > self._limit:
            raise Stop(
                f"{len(self._at)} of the last {min(self._seen, self._window)} records failed for internal reasons",
                remedy="look at the log lines 'record dead-lettered'; nothing of the last batch was committed",
            )
