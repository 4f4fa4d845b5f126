"""The archive: audit records to Parquet, exactly once, whenever the process is killed.

Before a file is uploaded its first and last offset are committed as a plan, in the offset's metadata. Whoever owns
the partition next finds the plan and makes the very same file: same records, same name. Objects are created only if
absent; one that is there already must hold the same records, or the process stops.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson
import structlog

from clearmark.archive import parquet
from clearmark.errors import Retry, Stop
from clearmark.transactor.ports import Committed, TransactionAborted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Event

    from clearmark.records import Record, TopicPartition
    from clearmark.store.objects import ObjectStore
    from clearmark.transactor.ports import Consumer

_POLL_RECORDS: Final = 2000
_POLL_S: Final = 0.2
_BACKOFF_S: Final = (0.2, 5.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """The offsets of the first and last record of the file that comes next."""

    first: int
    last: int

    def dump(self) -> str:
        """Return the offset metadata string."""
        return orjson.dumps({"clearmark-archive": 1, "first": self.first, "last": self.last}).decode()

    @classmethod
    def load(cls, metadata: str) -> Plan | None:
        """Read a metadata string; None where it holds no plan."""
        try:
            value = orjson.loads(metadata or "{}")
            return cls(int(value["first"]), int(value["last"])) if value.get("clearmark-archive") == 1 else None
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
            return None


def object_name(tp: TopicPartition, plan: Plan) -> str:
    """Return the one name under which these records can be archived."""
    return f"archive/{tp.topic}/{tp.partition:05d}/{plan.first:020d}-{plan.last:020d}.parquet"


class Archiver:
    """Runs the archive over one group membership.

    Args:
        store: where files go.
        consumer: the group membership on the audit topic.
        max_records: records in one file at most.
        max_age_s: seconds after which a file is closed with what there is.
        on_archived: told how many records were written.
        clock: seconds from a monotonic clock.
    """

    def __init__(
        self,
        store: ObjectStore,
        consumer: Consumer,
        max_records: int,
        max_age_s: float,
        on_archived: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._consumer = store, consumer
        self._max_records, self._max_age_s = max_records, max_age_s
        self._on_archived, self._clock = on_archived, clock
        self._log = structlog.get_logger("clearmark.archive")
        self._fresh: set[TopicPartition] = set()
        self._owned: set[TopicPartition] = set()
        self._plans: dict[TopicPartition, Plan] = {}
        self._buffers: dict[TopicPartition, list[Record]] = {}
        self._since: dict[TopicPartition, float] = {}
        self.polled_at = 0.0

    @property
    def assigned_partitions(self) -> int:
        """How many partitions this worker owns."""
        return len(self._owned)

    def run(self, stop: Event) -> None:
        """Archive until ``stop`` is set; what is not in a file by then stays on the topic.

        Raises:
            Stop: the process must end, non-zero.
        """
        self._consumer.subscribe(self)
        failures, not_before = 0, 0.0
        while not stop.is_set():
            try:
                self._poll()
                if self._clock() >= not_before:
                    self.flush()
                    if failures:
                        failures = 0
                        self._consumer.resume()
            except Retry as error:
                # Polling goes on, for the membership; fetching waits.
                failures += 1
                wait = min(_BACKOFF_S[1], _BACKOFF_S[0] * 2.0 ** min(failures - 1, 16))
                not_before = self._clock() + wait
                self._consumer.pause()
                self._log.warning("retrying", reason=error.message, wait_s=wait)
        self._consumer.close()

    def assigned(self, partitions: Sequence[TopicPartition]) -> None:
        """Take partitions over; their plans are read before the next file."""
        self._fresh.update(partitions)
        self._owned.update(partitions)

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        """Forget partitions: their next owner goes on from the committed plan."""
        for tp in partitions:
            for known in (self._plans, self._buffers, self._since):
                known.pop(tp, None)
            self._fresh.discard(tp)
            self._owned.discard(tp)

    def _poll(self) -> None:
        for record in self._consumer.poll(_POLL_RECORDS, _POLL_S):
            self._buffers.setdefault(record.tp, []).append(record)
            self._since.setdefault(record.tp, self._clock())
        self.polled_at = self._clock()

    def flush(self) -> None:
        """Write every file that is due.

        Raises:
            Retry: the store or the cluster does not answer.
            Stop: an object is there that holds other records.
        """
        if self._fresh:
            for tp, position in self._consumer.committed(list(self._fresh)).items():
                if plan := Plan.load(position.metadata):
                    self._plans[tp] = plan
            self._fresh.clear()
        try:
            for tp in list(self._buffers):
                while self._write_next(tp):
                    pass
        except TransactionAborted as error:
            self._log.info("commit refused, the group rebalances", reason=error.message)

    def _write_next(self, tp: TopicPartition) -> bool:
        """Plan and write one file of a partition; return whether there was one."""
        buffer = self._buffers.get(tp, [])
        plan = self._plans.get(tp)
        if plan is None:
            aged = bool(buffer) and self._clock() - self._since[tp] >= self._max_age_s
            if not buffer or (len(buffer) < self._max_records and not aged):
                return False
            planned = buffer[: self._max_records]
            plan = Plan(planned[0].offset, planned[-1].offset)
            self._consumer.commit_metadata({tp: Committed(plan.first, plan.dump())})
            self._plans[tp] = plan
        if not buffer or buffer[-1].offset < plan.last:
            return False
        records = [r for r in buffer if plan.first <= r.offset <= plan.last]
        self._write(tp, plan, records)
        self._consumer.commit_metadata({tp: Committed(plan.last + 1)})
        del self._plans[tp]
        self._buffers[tp] = [r for r in buffer if r.offset > plan.last]
        self._since[tp] = self._clock()
        if not self._buffers[tp]:
            del self._buffers[tp], self._since[tp]
        return True

    def _write(self, tp: TopicPartition, plan: Plan, records: list[Record]) -> None:
        name = object_name(tp, plan)
        if self._store.put_new(name, parquet.encode(records)):
            self._on_archived(len(records))
            self._log.info("archived", object=name, records=len(records))
        elif parquet.stored_digest(self._store.get(name)) != parquet.content_digest(records):
            raise Stop(f"{name} holds other records than the audit topic", remedy="keep both; find out who wrote it")
