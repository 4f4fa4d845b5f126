"""The ledger on Kafka: read what is committed on ingress and on the four ends, and close the account."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicCollection
from confluent_kafka import TopicPartition as _TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from clearmark.errors import Retry
from clearmark.ledger.account import Partition, report
from clearmark.records import Record, Terminal, TopicName, TopicPartition
from clearmark.schemas.cloudevents import Envelope, MalformedEvent
from clearmark.topology import Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from confluent_kafka import Message

    from clearmark.ledger.checkpoint import State
    from clearmark.schemas.events import LedgerReport
    from clearmark.topology import Topology

ENDS: Final = {
    Topic.APPROVED: Terminal.APPROVED,
    Topic.BLOCKED: Terminal.BLOCKED,
    Topic.REVIEW: Terminal.HELD,
    Topic.DEAD_LETTER: Terminal.DEAD_LETTERED,
}
_CALL_S: Final = 20.0
_SILENCE_S: Final = 30.0
_BATCH: Final = 5000


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
        self._consumer, self._admin = Consumer(dict(settings)), admin
        self._topology, self.state, self._now = topology, state, now
        self._ingress = topology.name(Topic.INGRESS)
        self._kinds = {topology.name(topic): kind for topic, kind in ENDS.items()}
        self._committed: dict[int, tuple[int, int]] = {}

    def update(self) -> None:
        """Read ingress to its committed end, then the four ends to theirs: an outcome never precedes its record.

        Raises:
            Retry: the cluster does not answer.
        """
        try:
            self._read([self._ingress])
            self._read(list(self._kinds))
        except KafkaException as error:
            raise Retry(f"ledger: {error.args[0].name()}") from None
        for account in self.state.partitions.values():
            account.close()

    def report(self, age_s: float) -> LedgerReport:
        """Return the account as of the last `update`."""
        now_ms = int(self._now() * 1000)
        return report(self._ingress, self.state.partitions, self._committed, now_ms, age_s)

    def close(self) -> None:
        """Release the connections."""
        self._consumer.close()

    def _read(self, topics: list[TopicName]) -> None:
        """Read the topics from where the state stands to their committed ends of now."""
        begin = {}
        for tp, (low, stable, end) in self._extents(topics).items():
            if tp.topic == self._ingress:
                self._committed[tp.partition] = (stable, end)
                if tp.partition not in self.state.partitions:
                    self.state.partitions[tp.partition] = Partition(first=low, through=low)
            start = max(low, self.state.positions.get(tp, low))
            self.state.positions[tp] = start
            if start < stable:
                begin[tp] = (start, stable)
        if begin:
            self._consume(begin)

    def _consume(self, begin: dict[TopicPartition, tuple[int, int]]) -> None:
        self._consumer.assign([_TopicPartition(tp.topic, tp.partition, start) for tp, (start, _) in begin.items()])
        left = {tp: stable for tp, (_, stable) in begin.items()}
        heard = time.monotonic()
        while left:
            for message in self._consumer.consume(_BATCH, 0.2):
                heard = time.monotonic()
                self._take(message, left)
            # The position also passes transaction markers and aborted records, which are never delivered.
            for p in self._consumer.position([_TopicPartition(tp.topic, tp.partition) for tp in left]):
                tp = TopicPartition(p.topic, p.partition)  # type: ignore[arg-type] # our own name
                if p.offset >= left[tp]:
                    self.state.positions[tp] = left.pop(tp)
            if time.monotonic() - heard > _SILENCE_S:
                raise Retry("ledger: the cluster went silent")
        self._consumer.unassign()

    def _take(self, message: Message, left: dict[TopicPartition, int]) -> None:
        error = message.error()
        tp = TopicPartition(message.topic(), message.partition())  # type: ignore[arg-type] # messages have both
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - confluent-kafka's name
                raise Retry(f"ledger: {error.name()}")
            # The end of what is committed: markers behind the last record do not count as a record to wait for.
            if tp in left and (message.offset() or 0) >= left[tp]:
                self.state.positions[tp] = left.pop(tp)
            return
        offset = message.offset() or 0
        if tp not in left or offset >= left[tp]:
            return  # newer than this reading; it is read next time
        if tp.topic == self._ingress:
            self.state.partitions[tp.partition].received(offset, message.timestamp()[1])
        else:
            self._outcome(tp, message)

    def _outcome(self, tp: TopicPartition, message: Message) -> None:
        headers = tuple(message.headers() or ())
        record = Record(tp.topic, tp.partition, message.offset() or 0, 0, None, None, headers)  # type: ignore[arg-type]
        try:
            envelope = Envelope.parse(record)
        except MalformedEvent:
            return  # not an outcome of ours: whoever may write there is a matter of ACLs
        if envelope.resolution is None and envelope.origin.topic == self._ingress:
            account = self.state.partitions.setdefault(envelope.origin.partition, Partition())
            account.outcome(envelope.origin.offset, self._kinds[tp.topic])

    def _extents(self, topics: list[TopicName]) -> dict[TopicPartition, tuple[int, int, int]]:
        """Return by partition: first offset, committed end (last stable offset), log end."""
        found = self._admin.describe_topics(TopicCollection(list(topics)), request_timeout=_CALL_S)
        tps = [TopicPartition(topic, p.id) for topic in topics for p in found[topic].result().partitions]
        first = self._offsets(tps, OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED)
        stable = self._offsets(tps, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED)
        end = self._offsets(tps, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED)
        return {tp: (first[tp], stable[tp], end[tp]) for tp in tps}

    def _offsets(
        self, tps: list[TopicPartition], spec: OffsetSpec, isolation: IsolationLevel
    ) -> dict[TopicPartition, int]:
        wanted = {_TopicPartition(tp.topic, tp.partition): spec for tp in tps}
        futures = self._admin.list_offsets(wanted, isolation_level=isolation, request_timeout=_CALL_S)
        return {TopicPartition(TopicName(p.topic), p.partition): f.result().offset for p, f in futures.items()}
