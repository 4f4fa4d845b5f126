"""Follow what becomes of artifacts: each outcome as one value."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as _TopicPartition

from clearmark.errors import Reject, Retry
from clearmark.kafka.messages import record_of
from clearmark.schemas.cloudevents import Envelope
from clearmark.schemas.events import DeadLetter, Notice, load
from clearmark.topology import Topic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from clearmark.topology import Topology


@dataclass(frozen=True, slots=True)
class Seen:
    """One outcome: its topic, attributes and reasons. ``value`` is the marked artifact of an approved one."""

    topic: Topic
    envelope: Envelope
    reasons: tuple[str, ...]
    value: bytes | None
    timestamp_ms: int


class Follower:
    """Reads topics without a group.

    Args:
        settings: librdkafka properties of a read_committed consumer.
        topology: names the topics.
        topics: which to follow.
        beginning: from the first record; else from now on.
    """

    def __init__(
        self, settings: Mapping[str, Any], topology: Topology, topics: Sequence[Topic], *, beginning: bool
    ) -> None:
        self._topology = topology
        self._consumer = Consumer(dict(settings))
        try:
            places = []
            for topic in topics:
                name = topology.name(topic)
                for number in self._consumer.list_topics(name, 20).topics[name].partitions:
                    low, high = self._consumer.get_watermark_offsets(_TopicPartition(name, number), 20)
                    places.append(_TopicPartition(name, number, low if beginning else high))
            self._consumer.assign(places)
        except KafkaException as error:
            raise Retry(f"watch: {error.args[0].name()}") from None

    def poll(self, timeout_s: float = 0.2) -> Iterator[Seen]:
        """Yield what has come; records that Clearmark did not write are left out.

        Raises:
            Retry: the cluster does not answer.
        """
        for message in self._consumer.consume(500, timeout_s):
            error = message.error()
            if error is not None:
                if error.code() in (KafkaError._PARTITION_EOF, KafkaError._ALL_BROKERS_DOWN):  # noqa: SLF001
                    continue
                raise Retry(f"watch: {error.name()}")
            record = record_of(message)
            topic = self._topology.topic(record.topic)
            try:
                assert topic is not None
                reasons = _reasons(topic, record.value)
                yield Seen(topic, Envelope.parse(record), reasons, record.value, record.timestamp_ms)
            except Reject:
                continue

    def close(self) -> None:
        """Release the connections."""
        self._consumer.close()


def _reasons(topic: Topic, value: bytes | None) -> tuple[str, ...]:
    if topic in (Topic.BLOCKED, Topic.REVIEW):
        return tuple(reason.code for reason in load(Notice, value).reasons)
    return (load(DeadLetter, value).error_class,) if topic is Topic.DEAD_LETTER else ()


def line(seen: Seen) -> str:
    """Return one readable line."""
    at = time.strftime("%H:%M:%S", time.localtime(seen.timestamp_ms / 1000))
    e = seen.envelope
    why = f"  {', '.join(seen.reasons)}" if seen.reasons else ""
    return f"{at}  {seen.topic:<11}  {e.decision_id.value[:12]}  {e.content_id}  {e.user_id[:24]:<24}{why}"
