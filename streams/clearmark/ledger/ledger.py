"""The ledger on Kafka: read what is committed on ingress and on the four ends, and close the account."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from clearmark.kafka.tail import Tail
from clearmark.ledger.account import Partition, report
from clearmark.records import Terminal
from clearmark.schemas.cloudevents import Envelope, MalformedEvent
from clearmark.topology import Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from confluent_kafka.admin import AdminClient

    from clearmark.ledger.checkpoint import State
    from clearmark.records import Record, TopicName
    from clearmark.schemas.events import LedgerReport
    from clearmark.topology import Topology

ENDS: Final = {
    Topic.APPROVED: Terminal.APPROVED,
    Topic.BLOCKED: Terminal.BLOCKED,
    Topic.REVIEW: Terminal.HELD,
    Topic.DEAD_LETTER: Terminal.DEAD_LETTERED,
}


class Ledger:
    """Reads on from a state, as often as it is asked.

    Args:
        settings: librdkafka properties of a read_committed consumer.
        admin: asks for offsets.
        topology: names the topics.
        state: what was read before; an empty one reads everything.
        now: seconds since 1970.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        admin: AdminClient,
        topology: Topology,
        state: State,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._tail = Tail(settings, admin, state.positions)
        self.state, self._now = state, now
        self._ingress = topology.name(Topic.INGRESS)
        self._kinds = {topology.name(topic): kind for topic, kind in ENDS.items()}
        self._committed: dict[int, tuple[int, int]] = {}

    def update(self) -> None:
        """Read ingress to its committed end, then the four ends to theirs: an outcome never precedes its record.

        Raises:
            Retry: the cluster does not answer.
        """
        self._read([self._ingress])
        self._read(list(self._kinds))
        for account in self.state.partitions.values():
            account.close()

    def report(self, age_s: float) -> LedgerReport:
        """Return the account as of the last `update`."""
        now_ms = int(self._now() * 1000)
        return report(self._ingress, self.state.partitions, self._committed, now_ms, age_s)

    def close(self) -> None:
        """Release the connections."""
        self._tail.close()

    def _read(self, topics: list[TopicName]) -> None:
        """Read the topics from where the state stands to their committed ends of now."""
        ends = {}
        for tp, (first, stable, end) in self._tail.extents(topics).items():
            if tp.topic == self._ingress:
                self._committed[tp.partition] = (stable, end)
                if tp.partition not in self.state.partitions:
                    self.state.partitions[tp.partition] = Partition(first=first, through=first)
            self.state.positions[tp] = max(first, self.state.positions.get(tp, first))
            ends[tp] = stable
        for record in self._tail.read(ends):
            if record.topic == self._ingress:
                self.state.partitions[record.partition].received(record.offset, record.timestamp_ms)
            else:
                self._outcome(record)

    def _outcome(self, record: Record) -> None:
        try:
            envelope = Envelope.parse(record)
        except MalformedEvent:
            return  # not an outcome of ours: whoever may write there is a matter of ACLs
        if envelope.resolution is None and envelope.origin.topic == self._ingress:
            account = self.state.partitions.setdefault(envelope.origin.partition, Partition())
            account.outcome(envelope.origin.offset, self._kinds[record.topic])
