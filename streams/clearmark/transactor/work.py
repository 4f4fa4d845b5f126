"""One batch on its way: records, what became of them, and the proof of membership they were read under."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clearmark.transactor.ports import Committed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clearmark.records import Outcome, Record, TopicPartition
    from clearmark.transactor.ports import Generation


@dataclass(slots=True)
class Work:
    """A batch handed to the stage. ``lost`` collects partitions that were revoked since it was read."""

    records: list[Record]
    generation: Generation
    outcomes: list[Outcome] = field(default_factory=list)
    lost: set[TopicPartition] = field(default_factory=set)
    discarded: bool = False
    failures: int = 0
    not_before: float = 0.0

    def live(self) -> list[Record]:
        """Return the records that this worker still answers for."""
        return [] if self.discarded else [record for record in self.records if record.tp not in self.lost]

    def drop_lost(self) -> None:
        """Forget records and outcomes of revoked partitions: their new owner answers for them."""
        if not self.lost:
            return
        kept = [pair for pair in zip(self.records, self.outcomes, strict=True) if pair[0].tp not in self.lost]
        self.records = [record for record, _ in kept]
        self.outcomes = [outcome for _, outcome in kept]
        self.lost = set()

    def positions(self) -> dict[TopicPartition, Committed]:
        """Return the positions after this batch."""
        return {tp: Committed(offset + 1) for tp, offset in last_offsets(self.records).items()}


def last_offsets(records: Iterable[Record]) -> dict[TopicPartition, int]:
    """Return each partition's last offset among records in order."""
    return {r.tp: r.offset for r in records}


def first_offsets(batches: Iterable[Sequence[Record]]) -> dict[TopicPartition, int]:
    """Return each partition's first offset among batches of records, in whatever order."""
    first: dict[TopicPartition, int] = {}
    for batch in batches:
        for r in batch:
            tp = r.tp
            if r.offset < first.get(tp, r.offset + 1):
                first[tp] = r.offset
    return first


def size_of(record: Record) -> int:
    """Return the bytes of key and value."""
    return len(record.key or b"") + len(record.value or b"")
