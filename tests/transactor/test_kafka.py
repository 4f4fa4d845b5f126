"""What the adapter does about the client's own ways."""

from __future__ import annotations

import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from clearmark.errors import Stop
from clearmark.records import TopicName
from clearmark.transactor import kafka
from clearmark.transactor.kafka import KafkaConsumer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clearmark.kafka.node import EmbeddedKafka
    from clearmark.records import TopicPartition


class Listener:
    """Remembers what is assigned."""

    def __init__(self) -> None:
        self.owned: set[TopicPartition] = set()

    def assigned(self, partitions: Sequence[TopicPartition]) -> None:
        self.owned.update(partitions)

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        self.owned -= set(partitions)


@pytest.mark.kafka
def test_a_partition_that_was_lost_while_paused_is_fetched_when_it_comes_back(kafka: EmbeddedKafka) -> None:
    common: dict[str, Any] = {"bootstrap.servers": kafka.bootstrap, "log_level": 0}
    topic = TopicName(f"pause-{uuid.uuid4().hex}")
    admin = AdminClient(common)
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result()
    member = {**common, "group.id": topic, "session.timeout.ms": 3000, "heartbeat.interval.ms": 200}
    first, second = KafkaConsumer(member, [topic]), KafkaConsumer(member, [topic])
    held = Listener()
    polled = [first]

    def until(done: Callable[[], bool]) -> int:
        deadline, found = time.monotonic() + 30, 0
        while not done():
            assert time.monotonic() < deadline
            for consumer in polled:
                found += len(consumer.poll(100, 0.05))
        return found

    first.subscribe(held)
    until(lambda: len(held.owned) == 2)
    first.pause()
    second.subscribe(Listener())
    polled.append(second)
    until(lambda: len(held.owned) == 1)
    first.resume()
    polled.remove(second)
    second.close()
    until(lambda: len(held.owned) == 2)
    producer = Producer(common)
    for i in range(20):
        producer.produce(topic, b"x", partition=i % 2)
    producer.flush()
    left = 20
    deadline = time.monotonic() + 30
    while left and time.monotonic() < deadline:
        left -= len(first.poll(100, 0.1))
    first.close()
    assert not left


def test_a_call_that_never_returns_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "_HUNG_S", 0.1)
    release = threading.Event()
    with pytest.raises(Stop, match="hangs"):
        kafka._bounded(lambda _: release.wait(), 0.01)
    release.set()


def test_a_call_that_fails_fails_as_before() -> None:
    def fail(_: float) -> None:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

    with pytest.raises(KafkaException):
        kafka._bounded(fail, 0.01)
    kafka._bounded(lambda _: None, 0.01)
