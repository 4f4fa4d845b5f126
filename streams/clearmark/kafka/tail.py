"""Read topics to their committed end of now, again and again, as a member of no group: ledger, review desk, views."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicCollection
from confluent_kafka import TopicPartition as _TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from clearmark.errors import Retry
from clearmark.kafka.messages import record_of
from clearmark.records import TopicName, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from confluent_kafka import Message

    from clearmark.records import Record

_CALL_S: Final = 20.0
_SILENCE_S: Final = 30.0
_BATCH: Final = 5000
_ROUND_S: Final = 0.01
"""The client waits so long for a full batch, even with some records in hand: a view must not wait for one change."""
_MOVED: Final = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError._NOENT,  # noqa: SLF001 - confluent-kafka's name: the broker was just starting when it was asked
    }
)
"""A partition that was just created, or whose leader was restarted: what the client knows of it is old."""


class Extent(NamedTuple):
    """A partition's first offset, its committed end (last stable offset) and its log end."""

    first: int
    stable: int
    end: int


def offsets(
    admin: AdminClient, tps: Sequence[TopicPartition], spec: OffsetSpec, isolation: IsolationLevel
) -> dict[TopicPartition, int]:
    """Return one offset of each partition.

    The client keeps what it knows of leaders for minutes, and asks by it in vain after a broker's restart: it is made
    to learn anew.

    Raises:
        KafkaException: the cluster does not answer.
    """
    wanted = {_TopicPartition(tp.topic, tp.partition): spec for tp in tps}
    deadline = time.monotonic() + _CALL_S
    while True:
        futures = admin.list_offsets(wanted, isolation_level=isolation, request_timeout=_CALL_S)
        try:
            return {TopicPartition(TopicName(p.topic), p.partition): f.result().offset for p, f in futures.items()}
        except KafkaException as error:
            if error.args[0].code() not in _MOVED or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
            for topic in {tp.topic for tp in tps}:
                admin.list_topics(topic, _CALL_S)


class Tail:
    """Remembers how far it has read each partition.

    Args:
        settings: librdkafka properties of a reader (`clearmark.kafka.clients.reader`).
        admin: asks for offsets.
        positions: where to go on; partitions that are not in it are read from their first record. Kept up to date.
    """

    def __init__(
        self, settings: Mapping[str, Any], admin: AdminClient, positions: dict[TopicPartition, int] | None = None
    ) -> None:
        # A request that still waits at the broker for more records would hold up the next reading's first one.
        self._consumer, self._admin = Consumer({**settings, "fetch.wait.max.ms": 10}), admin
        self.positions = {} if positions is None else positions
        self._partitions: dict[TopicName, list[TopicPartition]] = {}

    def extents(self, topics: Sequence[TopicName]) -> dict[TopicPartition, Extent]:
        """Return what each partition holds now.

        Raises:
            Retry: the cluster does not answer.
        """
        try:
            tps = self._known(topics)
            first = offsets(self._admin, tps, OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED)
            stable = offsets(self._admin, tps, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED)
            end = offsets(self._admin, tps, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED)
        except KafkaException as error:
            raise Retry(f"read offsets: {error.args[0].name()}") from None
        return {tp: Extent(first[tp], stable[tp], end[tp]) for tp in tps}

    def committed_ends(self, topics: Sequence[TopicName]) -> dict[TopicPartition, int]:
        """Return the committed end of each partition: one request where `extents` takes three.

        Raises:
            Retry: the cluster does not answer.
        """
        try:
            return offsets(self._admin, self._known(topics), OffsetSpec.latest(), IsolationLevel.READ_COMMITTED)
        except KafkaException as error:
            raise Retry(f"read offsets: {error.args[0].name()}") from None

    def read(self, ends: Mapping[TopicPartition, int]) -> Iterator[Record]:
        """Yield the committed records between the positions and these ends, in each partition's order.

        Raises:
            Retry: the cluster does not answer.
        """
        left = {tp: end for tp, end in ends.items() if self.positions.setdefault(tp, 0) < end}
        if not left:
            return
        try:
            self._consumer.assign([_TopicPartition(tp.topic, tp.partition, self.positions[tp]) for tp in left])
            yield from self._consume(left)
            self._consumer.unassign()
        except KafkaException as error:
            raise Retry(f"read: {error.args[0].name()}") from None

    def close(self) -> None:
        """Release the connections."""
        self._consumer.close()

    def _consume(self, left: dict[TopicPartition, int]) -> Iterator[Record]:
        heard = time.monotonic()
        while left:
            for message in self._consumer.consume(_BATCH, _ROUND_S):
                heard = time.monotonic()
                if (record := self._take(message, left)) is not None:
                    self.positions[record.tp] = record.offset + 1
                    yield record
            # The position also passes transaction markers and aborted records, which are never delivered.
            for p in self._consumer.position([_TopicPartition(tp.topic, tp.partition) for tp in left]):
                self._reached(TopicPartition(TopicName(p.topic), p.partition), p.offset, left)
            if time.monotonic() - heard > _SILENCE_S:
                raise Retry("read: the cluster went silent")

    def _take(self, message: Message, left: dict[TopicPartition, int]) -> Record | None:
        tp = TopicPartition(TopicName(message.topic() or ""), message.partition() or 0)
        error, offset = message.error(), message.offset() or 0
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - confluent-kafka's name
                raise Retry(f"read: {error.name()}")
            # The end of what is committed: markers behind the last record do not count as a record to wait for.
            self._reached(tp, offset, left)
            return None
        # What is newer than this reading is read next time.
        return record_of(message) if tp in left and offset < left[tp] else None

    def _reached(self, tp: TopicPartition, offset: int, left: dict[TopicPartition, int]) -> None:
        if tp in left and offset >= left[tp]:
            self.positions[tp] = left.pop(tp)

    def _known(self, topics: Sequence[TopicName]) -> list[TopicPartition]:
        """Return the partitions of topics; their number is fixed, so it is asked for once."""
        if missing := [topic for topic in topics if topic not in self._partitions]:
            found = self._admin.describe_topics(TopicCollection(list(missing)), request_timeout=_CALL_S)
            for topic in missing:
                self._partitions[topic] = [TopicPartition(topic, p.id) for p in found[topic].result().partitions]
        return [tp for topic in topics for tp in self._partitions[topic]]
