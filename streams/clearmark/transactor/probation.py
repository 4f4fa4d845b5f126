"""Attempt counts that survive a crash, so that a record which kills its worker is dead-lettered untouched.

Before a worker on probation processes a batch, it commits the batch's first position with a marker in the offset's
metadata: "records from here up to ``until`` are being tried for the ``attempts``-th time". A worker that dies leaves
the marker behind; a commit of results clears it. Records under a marker are tried one by one, and the one that
stands under a marker of its own with ``max_attempts - 1`` attempts is not tried again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from clearmark.transactor.ports import Committed
from clearmark.transactor.work import first_offsets, last_offsets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clearmark.records import Record, TopicPartition
    from clearmark.transactor.settings import Settings


@dataclass(frozen=True, slots=True)
class Marker:
    """Records with offsets below ``until`` have been tried ``attempts`` times without a commit."""

    attempts: int
    until: int

    def dump(self) -> str:
        """Return the offset metadata string."""
        return orjson.dumps({"clearmark": 1, "attempts": self.attempts, "until": self.until}).decode()

    @classmethod
    def load(cls, metadata: str) -> Marker | None:
        """Read a metadata string; None where it is empty or not a marker of ours (another program's commit)."""
        if not metadata:
            return None
        try:
            value = orjson.loads(metadata)
            return cls(int(value["attempts"]), int(value["until"])) if value["clearmark"] == 1 else None
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            return None


class Probation:
    """Decides how many records the next batch takes, and which record is not to be touched."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._left = 0
        self._markers: dict[TopicPartition, Marker] = {}

    @property
    def active(self) -> bool:
        """Whether batches must be small, marked and one at a time."""
        return self._left > 0

    def begin(self, committed: Mapping[TopicPartition, Committed]) -> None:
        """Start over, with what was committed for newly assigned partitions."""
        self._left = self._settings.probation_records
        for tp, position in committed.items():
            self._markers.pop(tp, None)
            if marker := Marker.load(position.metadata):
                self._markers[tp] = marker

    def forget(self, partitions: Sequence[TopicPartition]) -> None:
        """Drop what is known of revoked partitions."""
        for tp in partitions:
            self._markers.pop(tp, None)

    def attempts(self, record: Record) -> int:
        """Return how often a record was tried before without a commit."""
        marker = self._markers.get(record.tp)
        return marker.attempts if marker and record.offset < marker.until else 0

    def take(self, pending: Sequence[Record]) -> int:
        """Return how many of the pending records the next batch takes: one if the first is under suspicion."""
        if not self.active:
            return len(pending)
        if self.attempts(pending[0]):
            return 1
        limit = min(len(pending), self._settings.probation_batch)
        return next((i for i in range(1, limit) if self.attempts(pending[i])), limit)

    def condemned(self, batch: Sequence[Record]) -> bool:
        """Return whether this batch is a single record that has used up its attempts."""
        return len(batch) == 1 and self.attempts(batch[0]) >= self._settings.max_attempts - 1

    def marks(self, batch: Sequence[Record]) -> dict[TopicPartition, Committed]:
        """Return the positions with markers to commit before this batch is processed."""
        attempts = max(self.attempts(record) for record in batch) + 1
        last = last_offsets(batch)
        return {
            tp: Committed(offset, Marker(attempts, last[tp] + 1).dump())
            for tp, offset in first_offsets([batch]).items()
        }

    def release(self, batch: Sequence[Record]) -> dict[TopicPartition, Committed]:
        """Return the positions that take this batch's markers back: giving it up on purpose is no crash."""
        if not self.active:
            return {}
        prior = {tp: m for tp, o in first_offsets([batch]).items() if (m := self._markers.get(tp)) and o < m.until}
        return {
            tp: Committed(offset, prior[tp].dump() if tp in prior else "")
            for tp, offset in first_offsets([batch]).items()
        }

    def passed(self, records: int) -> None:
        """Count records that were committed."""
        self._left = max(0, self._left - records)
