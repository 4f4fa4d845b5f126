"""The embedded Kafka: kept data, and nothing left behind when its parent is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from clearmark.kafka import admin as kafka_admin
from clearmark.kafka.node import EmbeddedKafka, free_ports
from clearmark.topology import Topic, Topology

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.kafka

PARENT = """
import sys, time
from clearmark.kafka.node import EmbeddedKafka
with EmbeddedKafka() as kafka:
    print(kafka.pid(), flush=True)
    time.sleep(60)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_killed_parent_leaves_no_broker_behind() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        os.kill(parent.pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(pid)


def test_a_kept_folder_keeps_the_cluster_through_a_kill_and_a_restart(tmp_path: Path) -> None:
    def cluster_id(kafka: EmbeddedKafka) -> str:
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
        return str(admin.describe_cluster(request_timeout=20).result().cluster_id)

    with EmbeddedKafka(tmp_path) as kafka:
        before = cluster_id(kafka)
        kafka.kill()
        kafka.start()
        assert cluster_id(kafka) == before
    with EmbeddedKafka(tmp_path) as kafka:
        assert cluster_id(kafka) == before


def test_three_nodes_keep_taking_acknowledged_records_while_one_is_dead() -> None:
    topology = Topology(replication=3, partitions=3)
    with EmbeddedKafka(None, 3) as kafka:
        settings: dict[str, str | int | float | bool] = {"bootstrap.servers": kafka.bootstrap, "log_level": 0}
        admin = AdminClient(settings)
        kafka_admin.apply(admin, topology)
        kafka_admin.require(admin, topology, list(Topic))
        producer = Producer({**settings, "acks": "all", "message.timeout.ms": 60_000})
        errors: list[object] = []

        def publish() -> None:
            for i in range(30):
                producer.produce(
                    topology.name(Topic.BLOCKED),
                    b"x",
                    partition=i % 3,
                    on_delivery=lambda error, _: errors.append(error),
                )
            assert producer.flush(60) == 0

        publish()
        kafka.kill(1)
        publish()
        kafka.start(1)
    assert errors == [None] * 60


def test_ports_are_distinct() -> None:
    assert len(set(free_ports(6))) == 6
