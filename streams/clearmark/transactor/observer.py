"""What the transactor tells about itself; this one tells nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clearmark.records import Outcome, Record


class Observer:
    """Receives what happens, once a batch. Override what is of interest (metrics, logs, tests)."""

    def committed(self, records: Sequence[Record], outcomes: Sequence[Outcome]) -> None:
        """Outcomes and positions of these records are in the log."""

    def processed(self, records: int, seconds: float) -> None:
        """A batch of so many records took so long to process."""

    def transaction(self, result: str, seconds: float) -> None:
        """A transaction ended: ``committed``, ``aborted`` or ``stale``."""

    def dead_lettered(self, record: Record, error_class: str, where: str) -> None:
        """A record goes to dead-letter; ``where`` names file and line of an unknown exception, never its text."""

    def retrying(self, reason: str, wait_s: float) -> None:
        """The surroundings failed; the same work is tried again after ``wait_s`` seconds."""

    def assignment(self, partitions: int) -> None:
        """This worker now owns so many partitions."""
