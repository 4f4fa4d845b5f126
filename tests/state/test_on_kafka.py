"""Views and the operator's desk on real Kafka."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from clearmark.kafka import admin as kafka_admin
from clearmark.kafka.tail import Tail
from clearmark.operate import identities
from clearmark.operate.desk import StateDesk
from clearmark.state.views import Views
from clearmark.topology import STATE, Topic, Topology

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clearmark.kafka.node import EmbeddedKafka

pytestmark = pytest.mark.kafka
KEY = b"k" * 32
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def topology(kafka: EmbeddedKafka) -> Topology:
    made = Topology(f"state-{uuid.uuid4().hex[:8]}")
    kafka_admin.apply(AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0}), made)
    return made


@pytest.fixture
def tail(kafka: EmbeddedKafka) -> Iterator[Tail]:
    common: dict[str, Any] = {"bootstrap.servers": kafka.bootstrap, "log_level": 0}
    reader = {
        **common,
        "group.id": uuid.uuid4().hex,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
    }
    made = Tail(reader, AdminClient(common))
    yield made
    made.close()


def desk(kafka: EmbeddedKafka, topology: Topology) -> StateDesk:
    common: dict[str, Any] = {"bootstrap.servers": kafka.bootstrap, "log_level": 0}
    return StateDesk(common, AdminClient(common), topology, "tester", lambda: NOW)


def test_a_change_is_known_once_the_desk_returns_and_is_audited_without_names(
    kafka: EmbeddedKafka, topology: Topology, tail: Tail
) -> None:
    views = Views(tail, topology, STATE, KEY)
    views.catch_up()
    assert views.identity("alice") is None
    writer = desk(kafka, topology)
    for i in range(3):
        writer.write([identities.verified(KEY, f"user-{i}", "mobile", "13800138000", None, NOW)])
        views.catch_up()
        assert views.identity(f"user-{i}") is not None
    name = topology.name(Topic.AUDIT)
    audits = list(tail.read({tp: extent.stable for tp, extent in tail.extents([name]).items()}))
    assert len(audits) == 3
    for record in audits:
        said = orjson.loads(record.value or b"")
        assert said["action"] == "identity.verified"
        assert said["actor"] == "tester"
        assert b"user-" not in (record.value or b"") + (record.key or b"")
        assert b"13800138000" not in (record.value or b"")
    everything = list(tail.positions.items())
    views.catch_up()
    assert list(tail.positions.items()) == everything


def test_what_is_not_committed_is_neither_seen_nor_waited_for(
    kafka: EmbeddedKafka, topology: Topology, tail: Tail
) -> None:
    views = Views(tail, topology, STATE, KEY)
    name = topology.name(Topic.IDENTITIES)
    settings: dict[str, Any] = {"bootstrap.servers": kafka.bootstrap, "transactional.id": name, "log_level": 0}
    producer = Producer(settings)
    producer.init_transactions()
    for end in (producer.abort_transaction, producer.commit_transaction):
        producer.begin_transaction()
        for i in range(50):
            producer.produce(name, b"{}", str(i).encode())
        producer.flush()
        views.catch_up()
        assert views.count(Topic.IDENTITIES) == 0
        end()
    deadline = time.monotonic() + 10
    while views.count(Topic.IDENTITIES) < 50 and time.monotonic() < deadline:
        views.catch_up()
    assert views.count(Topic.IDENTITIES) == 50


def test_an_import_goes_through_in_transactions_of_thousands(
    kafka: EmbeddedKafka, topology: Topology, tail: Tail
) -> None:
    views = Views(tail, topology, STATE, KEY, spill_at=2000)
    lines = ["user,method,number", *(f"user-{i},mobile,139{i:08d}" for i in range(12_000)), "bad,mobile,1"]
    bad: list[tuple[int, str]] = []
    seen: list[int] = []
    changes = identities.imported(lines, KEY, NOW, lambda line, why: bad.append((line, why)))
    assert desk(kafka, topology).write(changes, seen.append) == sum(seen) == 12_000
    assert [line for line, _ in bad] == [12_002]
    views.catch_up()
    assert views.identity("user-11999") is not None
    assert views.count(Topic.IDENTITIES) == 12_000
    views.close()
