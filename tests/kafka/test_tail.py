"""Reading to the committed end goes on after a broker's restart."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from clearmark.kafka.node import EmbeddedKafka
from clearmark.kafka.tail import Tail
from clearmark.records import TopicName

TOPIC = TopicName("tail")


@pytest.mark.kafka
def test_a_restarted_broker_is_asked_again_with_what_is_true_now() -> None:
    with EmbeddedKafka() as kafka:
        common: dict[str, Any] = {"bootstrap.servers": kafka.bootstrap, "log_level": 0}
        admin = AdminClient(common)
        admin.create_topics([NewTopic(TOPIC, 2, 1)])[TOPIC].result()
        tail = Tail({**common, "group.id": "tail", "enable.partition.eof": True}, admin)
        producer = Producer(common)
        for round_ in range(2):
            for i in range(10):
                producer.produce(TOPIC, b"x", partition=i % 2)
            producer.flush()
            assert len(list(tail.read(tail.committed_ends([TOPIC])))) == 10
            assert sum(tail.positions.values()) == 10 * (round_ + 1)
            kafka.kill()
            kafka.start()
        assert sum(tail.committed_ends([TOPIC]).values()) == 20
        tail.close()
